"""The settings of a site: environment for where and how it listens, one commented file for everything else."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

DEFAULTS = Path(__file__).with_name("settings.toml")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class JobSettings(_Section):
    credits: Literal["enforce", "show", "off"]
    first_grant: int = Field(ge=0)
    retries: int = Field(ge=0, le=10)
    window_extra: int = Field(ge=0, le=1000)
    batch_concurrency: int = Field(ge=1, le=10_000)
    low_credits: int = Field(ge=0)


class ClusterSettings(_Section):
    grace_s: float = Field(gt=0)
    lease_s: float = Field(gt=0)
    lost_after_s: float = Field(gt=0)
    stop_grace_s: float = Field(ge=0)
    dashboard_port: int = Field(ge=0, le=65535)
    certificate_authority: str
    certificate: str
    key: str


class LimitSettings(_Section):
    upload_mb: int = Field(gt=0)
    text_mb: int = Field(gt=0)
    free_disk_mb: int = Field(ge=0)
    name_length: int = Field(gt=0)


class UploadSettings(_Section):
    keep_days: float = Field(gt=0)
    #: What people call it -> an absolute path on this server.
    import_folders: dict[str, Path]


class SignInSettings(_Section):
    session_days: float = Field(gt=0)
    registration: Literal["invitation", "open"]
    attempts_per_minute: int = Field(gt=0)


class MailSettings(_Section):
    #: Empty: this site sends no mail, and links are shown to copy.
    host: str
    port: int = Field(gt=0, le=65535)
    security: Literal["none", "starttls", "tls"]
    user: str
    sender: str
    password: str | None = Field(None, repr=False)


class OidcSettings(_Section):
    #: Empty: no sign-in from elsewhere.
    issuer: str
    client_id: str
    name: str
    register_new: bool
    secret: str | None = Field(None, repr=False)


class NoticeSettings(_Section):
    webhook_hosts: tuple[str, ...]


class ToolSettings(_Section):
    developer: bool
    off: tuple[str, ...]
    #: tool id -> jobs that one batch of it may have.
    batches: dict[str, int]
    #: tool id -> the limits that this site changes.
    limits: dict[str, dict[str, Any]] = Field(default_factory=dict)


class EngineSettings(_Section):
    #: Empty: its usual place in the folder of engines.
    program: str
    weights: str


class EnginesSettings(_Section):
    #: Empty: HOME/engines.
    folder: str
    #: Empty: this site asks none.
    msa_server: str
    boltz: EngineSettings
    alphafold: EngineSettings
    esmfold: EngineSettings
    proteinmpnn: EngineSettings


class Settings(_Section):
    home: Path
    files: Path
    host: str
    port: int
    public_url: str
    cluster_address: str
    cpus: int
    #: An API token of the site's admin, given from outside for automation.
    token: str | None = Field(repr=False)
    jobs: JobSettings
    cluster: ClusterSettings
    limits: LimitSettings
    uploads: UploadSettings
    sign_in: SignInSettings
    mail: MailSettings
    oidc: OidcSettings
    notices: NoticeSettings
    tools: ToolSettings
    engines: EnginesSettings

    @property
    def local_url(self) -> str:
        """Where a program on this machine reaches the app."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "") else "[::1]" if self.host == "::" else self.host
        return f"http://{host}:{self.port}"

    @property
    def database(self) -> Path:
        return self.home / "wellplate.duckdb"

    @property
    def engine_places(self) -> dict[str, Any]:
        """Where the engines lie, for tools.engines."""
        return self.engines.model_dump() | {"folder": self.engines.folder or str(self.home / "engines")}

    @property
    def run_folder(self) -> Path:
        return self.home / "run"


class BadSettings(Exception):
    """A setting is wrong; names the key and what is allowed."""


def load(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings in force. Raises BadSettings naming the key."""
    home = Path(environment.get("WELLPLATE_HOME", "~/.wellplate")).expanduser().resolve()
    values = tomllib.loads(DEFAULTS.read_text())
    site = home / "settings.toml"
    if site.exists():
        values = _merge(values, _read(site))
    host = environment.get("WELLPLATE_HOST", "127.0.0.1")
    port = environment.get("WELLPLATE_PORT", "8501")
    if "WELLPLATE_REGISTRATION" in environment:
        values["sign_in"]["registration"] = environment["WELLPLATE_REGISTRATION"]
    values["mail"]["password"] = environment.get("WELLPLATE_SMTP_PASSWORD") or None
    values["oidc"]["secret"] = environment.get("WELLPLATE_OIDC_SECRET") or None
    values |= {
        "home": home,
        "files": Path(environment.get("WELLPLATE_FILES", home / "files")).expanduser().resolve(),
        "host": host,
        "port": port,
        "public_url": environment.get("WELLPLATE_PUBLIC_URL", f"http://{host}:{port}").rstrip("/"),
        "cluster_address": environment.get("WELLPLATE_CLUSTER", "local"),
        "cpus": environment.get("WELLPLATE_CPUS", os.cpu_count() or 1),
        "token": environment.get("WELLPLATE_TOKEN") or None,
    }
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise BadSettings(f"setting {key} = {first['input']!r}: {first['msg']} (in {site})") from error


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise BadSettings(f"{path} is not valid TOML: {error}") from error


def _merge(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` on top of `base`, table by table."""
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = _merge(base[key], value) if both else value
    return merged
