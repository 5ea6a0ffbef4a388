"""The API's contract, checked from outside against a live server: on SQLite, and on PostgreSQL with Redis."""

import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from integration.product import ROOT, Product, wait_for

CHECKER = ROOT.parent / "shared" / "contract" / "check_contract.py"
PASSWORD = "a-long-password-for-the-contract"
TIERS = ("PUBLIC", "AUTHENTICATED", "ADMIN", "DOWNLOAD", "METADATA", "SEARCH", "HEALTH", "UPLOAD")


def check(kind: str) -> int:
    """0 when every rule holds."""
    with tempfile.TemporaryDirectory() as folder:
        product = Product(
            Path(folder) / "data", kind=kind, extra={f"UNABRIDGED_RATE_{tier}": "100000/minute" for tier in TIERS}
        )
        try:
            product.configure(
                f"from accounts.services.users import create_user\n"
                f"create_user(username='admin', email='admin@example.org', password={PASSWORD!r}, role='admin')"
            )
            key = product.manage("create_api_key", "contract").strip()
            product.start()
            base = f"http://127.0.0.1:{product.port}"
            wait_for(lambda: _answers(base), why=f"the server answers\n{product.log}")
            done = subprocess.run(
                [sys.executable, str(CHECKER), base, "--key", key, "--username", "admin", "--password", PASSWORD],
                check=False,
            )
            if done.returncode:
                print(product.log)
            return done.returncode
        finally:
            product.close()


def _answers(base: str) -> bool:
    try:
        with urllib.request.urlopen(f"{base}/health/live", timeout=2) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def main() -> int:
    if not CHECKER.exists():
        print(f"The contract's checker is not there: {CHECKER}", file=sys.stderr)
        return 1
    codes = []
    for kind in ("sqlite", "postgres"):
        print(f"--- {kind}", flush=True)
        codes.append(check(kind))
    return max(codes)


if __name__ == "__main__":
    raise SystemExit(main())
