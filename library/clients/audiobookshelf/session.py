"""Calls to Audiobookshelf with the right credentials.

An API key, an access token and the old token that never expires all go out as `Authorization: Bearer`. With a user
name and password the session signs in itself. Access tokens (since 2.26) live for an hour or twelve: a 401 is
answered by one renewal, with the refresh token when there is one, else by signing in. Refresh tokens rotate, so every
new pair is handed to `on_tokens` before it is used. A refused sign-in is remembered: the server counts attempts (40
in 10 minutes) and locks the address out, so this session never tries the same password twice.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from config.errors import Rejected, Unavailable
from config.http import Answer, Http, retry_after
from library.clients.json_values import mapping, text

SERVICE = "Audiobookshelf"
RETRY_WAITS = (0.5, 2.0)  # seconds between the attempts of a call that may be repeated
LONGEST_WAIT = 30.0  # a server that asks for more is reported as unavailable instead of waited for


class AbsSession:
    """One conversation with one server; not for use by several threads at once."""

    def __init__(
        self,
        http: Http,
        *,
        token: str = "",
        refresh_token: str = "",
        username: str = "",
        password: str = "",
        on_tokens: Callable[[str, str], None] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.http = http
        self._token = token.strip().removeprefix("Bearer ").strip()
        self._refresh_token = refresh_token.strip()
        self._username = username
        self._password = password
        self._on_tokens = on_tokens
        self._sleep = sleep
        self._refusal: Rejected | None = None
        self._locked_until = 0.0

    def __repr__(self) -> str:
        return f"AbsSession({self.http.base_url!r})"

    def call(
        self,
        method: str,
        path: str,
        *,
        accept: Iterable[int] = (200,),
        attempts: int = 1,
        max_bytes: int = 0,
        **options: Any,
    ) -> Answer:
        """An authenticated call. `attempts` above 1 repeats it while the server is unavailable."""
        for wait in RETRY_WAITS[: attempts - 1]:
            try:
                return self._call_once(method, path, accept, max_bytes, options)
            except Unavailable as error:
                if error.permanent or (error.retry_after or 0) > LONGEST_WAIT:
                    raise
                self._sleep(max(wait, error.retry_after or 0))
        return self._call_once(method, path, accept, max_bytes, options)

    def _call_once(
        self, method: str, path: str, accept: Iterable[int], max_bytes: int, options: Mapping[str, Any]
    ) -> Answer:
        wanted = {*accept, 401, 403}
        if not self._token:
            self._renew()
        answer = self._send(method, path, wanted, max_bytes, options)
        if answer.status == 401 and self._can_renew():
            self._renew()
            answer = self._send(method, path, wanted, max_bytes, options)
        if answer.status == 401:
            raise self._refused()
        if answer.status == 403 and 403 not in set(accept):
            raise Rejected(
                f"{SERVICE} does not allow this user to do that (403). Use an API key of a user with that permission.",
                service=SERVICE,
                code="permission_refused",
                http_status=403,
            )
        return answer

    def _send(self, method: str, path: str, accept: set[int], max_bytes: int, options: Mapping[str, Any]) -> Answer:
        headers = {**(options.get("headers") or {}), "Authorization": f"Bearer {self._token}"}
        rest = {key: value for key, value in options.items() if key != "headers"}
        return self.http.request(method, path, accept=accept, max_bytes=max_bytes, headers=headers, **rest)

    def _refused(self) -> Rejected:
        if self._refusal:
            return self._refusal
        return Rejected(
            f"{SERVICE} refused the API key or token (401). It is wrong, expired or switched off: make a new API key "
            "in Audiobookshelf under Settings, API Keys, and enter it in the settings.",
            service=SERVICE,
            code="credentials_refused",
            http_status=401,
        )

    # --- Renewal ------------------------------------------------------------------------------------------------------

    def _can_renew(self) -> bool:
        return bool(self._refresh_token or (self._username and self._password and not self._refusal))

    def _renew(self) -> None:
        """A new access token: by the refresh token, else by signing in."""
        if self._refresh_token and self._refresh():
            return
        self._sign_in()

    def _refresh(self) -> bool:
        """Whether the refresh token gave a new pair; one that is refused is never sent again."""
        answer = self._ask("/auth/refresh", headers={"x-refresh-token": self._refresh_token}, accept=(200, 401, 404))
        if answer.status != 200:
            self._refresh_token = ""
            return False
        self._keep(answer)
        return True

    def _sign_in(self) -> None:
        if self._refusal:
            raise self._refusal
        if not (self._username and self._password):
            if self._token:
                raise self._refused()
            raise Rejected(
                f"No API key or password is set for {SERVICE}. Make an API key in Audiobookshelf under Settings, API "
                "Keys, and enter it in the settings.",
                service=SERVICE,
                code="credentials_missing",
            )
        answer = self._ask(
            "/login",
            json={"username": self._username, "password": self._password},
            headers={"x-return-tokens": "true"},
            accept=(200, 400, 401),
        )
        if answer.status != 200:
            self._refusal = Rejected(
                f"{SERVICE} refused the user name or password. Correct them in the settings; they are not tried again "
                "until then, because the server locks out an address that fails too often.",
                service=SERVICE,
                code="credentials_refused",
                http_status=answer.status,
            )
            raise self._refusal
        self._keep(answer)

    def _ask(self, path: str, *, accept: tuple[int, ...], **options: Any) -> Answer:
        """A call to an authentication route, which the server limits for each address."""
        now = self.http.clock()
        if now < self._locked_until:
            raise self._locked_out(self._locked_until - now)
        answer = self.http.post(path, accept=(*accept, 429), **options)
        if answer.status == 429:
            wait = retry_after(answer.headers.get("Retry-After", "")) or 600.0
            self._locked_until = self.http.clock() + wait
            raise self._locked_out(wait)
        return answer

    def _locked_out(self, seconds: float) -> Unavailable:
        return Unavailable(
            f"{SERVICE} accepts no more sign-ins from this address for {seconds:.0f} seconds, because there were too "
            "many. Use an API key instead of a password: it needs no signing in.",
            service=SERVICE,
            code="sign_in_limited",
            http_status=429,
            retry_after=seconds,
        )

    def _keep(self, answer: Answer) -> None:
        """Take the tokens of a sign-in. Servers before 2.26 give only the old token, which never expires."""
        user = mapping(mapping(answer.json()).get("user"))
        access = text(user.get("accessToken")) or text(user.get("token"))
        if not access:
            raise Rejected(
                f"{SERVICE} signed us in but gave no token. Use an API key (Settings, API Keys in Audiobookshelf).",
                service=SERVICE,
            )
        self._token = access
        self._refresh_token = text(user.get("refreshToken"))
        if self._on_tokens:
            self._on_tokens(access, self._refresh_token)
