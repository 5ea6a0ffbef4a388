"""Settings. Every value comes from the environment through `config.env` and has a safe default.

The embedded default needs no server: SQLite and file-system queues in the data directory. With DATABASE_URL and
REDIS_URL the same code runs on PostgreSQL and Redis, with as many workers as wanted.
"""

import os
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

from config import env

# --- Where things are ------------------------------------------------------------------------------------------------

BASE_DIR = Path(__file__).resolve().parent.parent
TESTING = "pytest" in sys.modules
DATA_DIR = env.path("UNABRIDGED_DATA_DIR", BASE_DIR / "data").absolute()
VERSION = "0.1.0"

# --- Safety ----------------------------------------------------------------------------------------------------------

PRODUCTION = env.boolean("UNABRIDGED_PRODUCTION", False)
DEBUG = env.boolean("UNABRIDGED_DEBUG", False)
SECRET_KEY = env.secret("UNABRIDGED_SECRET_KEY")
ALLOWED_HOSTS = env.words("UNABRIDGED_ALLOWED_HOSTS", ("localhost", "127.0.0.1", "[::1]"))
CSRF_TRUSTED_ORIGINS = env.words("UNABRIDGED_CSRF_TRUSTED_ORIGINS")


def _stored_secret(directory: Path) -> str:
    """A random secret that is made at the first start and kept in the data directory, readable by its owner only."""
    import secrets

    place = directory / "secret_key"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        kept = place.read_text().strip()
        if len(kept) >= 50:
            return kept
        raise ImproperlyConfigured(
            f"{place} is damaged. Delete it to have a new one made; everybody signs in again."
        ) from None
    except OSError as error:
        raise ImproperlyConfigured(
            f"The data directory {directory} cannot be written ({error.strerror}). "
            "Set UNABRIDGED_DATA_DIR to a folder that this user may write."
        ) from error
    with os.fdopen(handle, "w") as file:
        value = secrets.token_urlsafe(64)
        file.write(value)
    return value


def _refuse_unsafe() -> None:
    """In production, refuse to start with what would be dangerous, saying which variable to set."""
    wrong = []
    if DEBUG:
        wrong.append("UNABRIDGED_DEBUG must be false")
    if len(SECRET_KEY) < 50 or len(set(SECRET_KEY)) < 10:
        wrong.append("UNABRIDGED_SECRET_KEY (or UNABRIDGED_SECRET_KEY_FILE) must hold at least 50 random characters")
    if not env.words("UNABRIDGED_ALLOWED_HOSTS") or "*" in ALLOWED_HOSTS:
        wrong.append("UNABRIDGED_ALLOWED_HOSTS must name the host names of this server, without wildcards")
    if wrong:
        raise ImproperlyConfigured("Production settings are not safe: " + "; ".join(wrong) + ".")


if PRODUCTION:
    _refuse_unsafe()
elif TESTING:
    SECRET_KEY = SECRET_KEY or "only-for-tests-" + "0123456789abcdefghijklmnopqrstuvwxyz" * 2
elif not SECRET_KEY:
    SECRET_KEY = _stored_secret(DATA_DIR)

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.boolean("UNABRIDGED_HTTPS", PRODUCTION)
BEHIND_PROXY = env.boolean("UNABRIDGED_BEHIND_PROXY", False)
# Only a proxy can end TLS here, and only when its X-Forwarded-Proto is trusted does a redirect not go round in circles.
SECURE_SSL_REDIRECT = env.boolean("UNABRIDGED_HTTPS_REDIRECT", SESSION_COOKIE_SECURE and BEHIND_PROXY)
SECURE_REDIRECT_EXEMPT = [r"^health", r"^metrics$"]  # probes come from inside
# Subdomains and the browsers' preload list are the decision of the owner of the domain, not of one of its servers.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021", *([] if BEHIND_PROXY else ["security.W008"])]
SECURE_HSTS_SECONDS = env.integer("UNABRIDGED_HSTS_SECONDS", 31_536_000 if SESSION_COOKIE_SECURE else 0, least=0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = False
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CORS_ORIGINS = frozenset(env.words("UNABRIDGED_CORS_ORIGINS"))
CONTENT_SECURITY_POLICY = {
    "default-src": "'self'",
    "script-src": "'self'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: https:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
DATA_UPLOAD_MAX_MEMORY_SIZE = env.integer("UNABRIDGED_MAX_BODY_BYTES", 1_048_576, least=1024)

# --- Applications ----------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "rest_framework_simplejwt.token_blacklist",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "config.api",
    "accounts",
    "scheduling",
    "library",
    "acquisition",
]

MIDDLEWARE = [
    "config.middleware.RequestIds",
    "django.middleware.security.SecurityMiddleware",
    "config.middleware.SecurityHeaders",
    "config.middleware.Slashes",
    "config.middleware.ErrorShape",
    "config.api.short_way.ShortWay",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = None if TESTING else BASE_DIR / "staticfiles"
WHITENOISE_USE_FINDERS = True
LANGUAGE_CODE = "en"
TIME_ZONE = env.text("UNABRIDGED_TIME_ZONE", "UTC")
USE_TZ = True
USE_I18N = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Accounts --------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.GuardedBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
if TESTING:
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", *PASSWORD_HASHERS]
_VALIDATION = "django.contrib.auth.password_validation"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"{_VALIDATION}.UserAttributeSimilarityValidator"},
    {"NAME": f"{_VALIDATION}.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": f"{_VALIDATION}.CommonPasswordValidator"},
    {"NAME": f"{_VALIDATION}.NumericPasswordValidator"},
]

API_FIND_KEY = "accounts.services.keys.find_key"
API_FIND_TOKEN_USER = "accounts.services.tokens.find_token_user"  # noqa: S105 (an import path)
JWT_LIFETIME = timedelta(minutes=30)
SIMPLE_JWT: dict[str, Any] = {
    "ACCESS_TOKEN_LIFETIME": JWT_LIFETIME,
    "REFRESH_TOKEN_LIFETIME": timedelta(days=14),
    "SIGNING_KEY": SECRET_KEY,
    "ALGORITHM": "HS256",
}

# --- The API ---------------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "config.api.authentication.KeyAuthentication",
        "config.api.authentication.BearerAuthentication",
        "config.api.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["config.api.permissions.RoleAccess"],
    "DEFAULT_PARSER_CLASSES": ["config.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["config.api.renderers.FastJSONRenderer", "config.api.renderers.BrowsablePages"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "config.api.negotiation.FormatNegotiation",
    "DEFAULT_FILTER_BACKENDS": ["config.api.filters.StrictFilterBackend", "config.api.filters.StrictOrdering"],
    "DEFAULT_PAGINATION_CLASS": "config.api.pagination.PagePagination",
    "DEFAULT_SCHEMA_CLASS": "config.api.schema.KernelSchema",
    "DEFAULT_METADATA_CLASS": "config.api.metadata.Metadata",
    "EXCEPTION_HANDLER": "config.api.errors.handle",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
RATE_LIMITS = {
    tier: env.rate(f"UNABRIDGED_RATE_{tier.upper()}", default)
    for tier, default in {
        "public": "10/minute",
        "authenticated": "60/minute",
        "admin": "1000/minute",
        "download": "20/hour",
        "metadata": "30/minute",
        "search": "20/minute",
        "health": "100/minute",
        "upload": "5/minute",
    }.items()
}
RATELIMIT_USE_CACHE = "limits"
# Tables whose totals are remembered between writes. A trigger on each pays for it, so only what long lists read.
COUNTED_MODELS = [
    "library.Author",
    "library.Book",
    "library.BookAuthor",
    "library.BookNarrator",
    "library.Gap",
    "library.Narrator",
    "library.Series",
    "library.SeriesEntry",
    "acquisition.Download",
]
SPECTACULAR_SETTINGS = {
    "TITLE": "Unabridged",
    "DESCRIPTION": "Keeps an audiobook shelf complete: what is missing, why, and how it is obtained.",
    "VERSION": VERSION,
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_NAME_OVERRIDES": {
        "DownloadStatusEnum": "acquisition.models.download.STATE_CHOICES",
        "ImportStatusEnum": "acquisition.models.ImportStatus",
        "RenameStatusEnum": "acquisition.models.RenameStatus",
        "IndexerKindEnum": "acquisition.models.IndexerKind",
        "ClientKindEnum": "acquisition.models.ClientKind",
        "RunStatusEnum": "scheduling.models.RunStatus",
        "HealthStatusEnum": ["ok", "degraded"],
    },
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"persistAuthorization": False, "displayRequestDuration": True, "filter": True},
}

# --- Health and metrics ----------------------------------------------------------------------------------------------

HEALTH_CHECKS = {
    "workers": "scheduling.services.health.check_workers",
    "beat": "scheduling.services.health.check_beat",
    "integrations": "acquisition.services.integrations_seen.check_integrations",
}
METRIC_SOURCES = ["scheduling.services.health.run_figures"]
METRICS_ALLOWED = env.networks("UNABRIDGED_METRICS_ALLOWED")

# --- Database --------------------------------------------------------------------------------------------------------

DATABASE_URL = env.secret("DATABASE_URL")
DATABASES: dict[str, Any]
if DATABASE_URL:
    try:
        DATABASES = {"default": dj_database_url.parse(DATABASE_URL, conn_max_age=60, conn_health_checks=True)}
    except (ValueError, KeyError) as error:
        raise ImproperlyConfigured(
            "DATABASE_URL is not understood. It looks like postgres://user:password@host:5432/name."
        ) from error
else:
    DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(DATA_DIR / "unabridged.sqlite3")}}
if DATABASES["default"]["ENGINE"].endswith("postgresql"):
    DATABASES["default"]["ENGINE"] = "config.postgresql"
    # Only cursors that ask for it (config.prepared) have their statements kept planned by the server.
    PREPARED_STATEMENTS = env.boolean("UNABRIDGED_PREPARED_STATEMENTS", True)
    DATABASES["default"].setdefault("OPTIONS", {})["prepare_threshold"] = 5 if PREPARED_STATEMENTS else None
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # WAL lets readers go on beside one writer; immediate transactions take the write lock at their start, so that two
    # writers wait for each other (busy timeout) instead of failing with "database is locked" in the middle.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": env.integer("UNABRIDGED_SQLITE_TIMEOUT_SECONDS", 30, least=1),
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-65536; "
        "PRAGMA mmap_size=268435456; PRAGMA temp_store=MEMORY;",
    }
    DATABASES["default"]["CONN_MAX_AGE"] = 60

# --- Cache and queue -------------------------------------------------------------------------------------------------

REDIS_URL = env.url("REDIS_URL", schemes=("redis", "rediss", "unix"))
if TESTING and REDIS_URL:
    # Tests that run side by side clear their cache: each worker gets a database of its own, counted up from the given.
    _base, _, _index = REDIS_URL.rpartition("/")
    REDIS_URL = f"{_base}/{int(_index) + int(env.text('PYTEST_XDIST_WORKER', 'gw0').removeprefix('gw'))}"
if REDIS_URL:
    CACHES: dict[str, Any] = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
    }
else:
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
CACHES["limits"] = (
    {"BACKEND": "config.caches.CountingRedisCache", "LOCATION": REDIS_URL}
    if REDIS_URL
    else {
        # One process counts in its memory; several count together in files.
        "BACKEND": "config.caches.LockedFileCache",
        "LOCATION": str(DATA_DIR / "cache" / "limits"),
        "OPTIONS": {"MAX_ENTRIES": 20_000},
    }
    if env.integer("UNABRIDGED_WEB_WORKERS", 1) > 1
    else {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "limits",
        "OPTIONS": {"MAX_ENTRIES": 20_000},
    }
)

QUEUE_DIR = DATA_DIR / "queue"
# Test processes run side by side with the same run ids: each has a folder of its own.
HOLD_DIR = DATA_DIR / "runs" if not TESTING else Path(tempfile.gettempdir()) / f"unabridged-test-{os.getpid()}"
CELERY_BROKER_URL = REDIS_URL or "files://localhost//"
if not REDIS_URL:
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(QUEUE_DIR / "messages"),
        "data_folder_out": str(QUEUE_DIR / "messages"),
        "control_folder": str(QUEUE_DIR / "control"),
        "store_processed": False,
        "polling_interval": 0.25,
    }
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False
CELERY_TASK_DEFAULT_QUEUE = "unabridged"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = TIME_ZONE
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 5
DJANGO_CELERY_BEAT_TZ_AWARE = True
CELERY_TASK_ALWAYS_EAGER = TESTING

# --- The web server --------------------------------------------------------------------------------------------------

HOST = env.text("UNABRIDGED_HOST", "127.0.0.1")
PORT = env.integer("UNABRIDGED_PORT", 8788, least=1, most=65535)
DEMO_PORT = env.integer("UNABRIDGED_DEMO_PORT", 8789, least=1, most=65535)
WEB_WORKERS = env.integer("UNABRIDGED_WEB_WORKERS", 1, least=1, most=64)
WEB_THREADS = env.integer("UNABRIDGED_WEB_THREADS", 4, least=1, most=256)
WORKER_CONCURRENCY = env.integer("UNABRIDGED_WORKER_CONCURRENCY", 4, least=2, most=64)

# --- Outside services ------------------------------------------------------------------------------------------------

TRUSTED_HOSTS = env.words("UNABRIDGED_TRUSTED_HOSTS")
OPEN_LIBRARY_URL = env.url("UNABRIDGED_OPEN_LIBRARY_URL", "https://openlibrary.org")
AUDNEXUS_URL = env.url("UNABRIDGED_AUDNEXUS_URL", "https://api.audnex.us")
LIBRIVOX_URL = env.url("UNABRIDGED_LIBRIVOX_URL", "https://librivox.org")
ARCHIVE_URL = env.url("UNABRIDGED_ARCHIVE_URL", "https://archive.org")

# --- Logs ------------------------------------------------------------------------------------------------------------

LOG_LEVEL = env.text("UNABRIDGED_LOG_LEVEL", "INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
LOG_FORMAT = env.text("UNABRIDGED_LOG_FORMAT", "plain", choices=("plain", "json"))
LOG_FILE = DATA_DIR / "logs" / "unabridged.jsonl"
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request_id": {"()": "config.logs.AddRequestId"}},
    "formatters": {
        "plain": {
            "()": "config.logs.PlainFormatter",
            "format": "{asctime} {levelname} {name}: {message} {request_id}",
            "style": "{",
        },
        "json": {"()": "config.logs.JSONFormatter"},
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT, "filters": ["request_id"]},
        "file": {
            "class": "config.logs.SharedRotatingFile",
            "filename": str(LOG_FILE),
            "maxBytes": env.integer("UNABRIDGED_LOG_FILE_BYTES", 10_485_760, least=65_536),
            "backupCount": env.integer("UNABRIDGED_LOG_FILES", 5, least=1, most=100),
            "formatter": "json",
            "filters": ["request_id"],
        },
    },
    "root": {"handlers": ["console", "file"], "level": LOG_LEVEL},
    "loggers": {
        "httpx": {"level": "WARNING"},
        "urllib3": {"level": "WARNING"},
        "qbittorrentapi": {"level": "WARNING"},
        "kombu.connection": {"level": "ERROR"},
        "celery.app.trace": {"level": "WARNING"},
        "celery.worker": {"level": "WARNING"},
        "celery.apps": {"level": "WARNING"},
        # Every request has its line already, with the reason.
        "django.request": {"level": "CRITICAL"},
        "django.security.DisallowedHost": {"level": "CRITICAL"},
    },
}
if TESTING:
    LOGGING["root"]["handlers"] = ["console"]
    del LOGGING["handlers"]["file"]
