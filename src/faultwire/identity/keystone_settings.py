"""Settings of a Keystone that is not ours."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Settings:
    """`[keystone]`."""

    enabled: bool = field(
        default=True,
        metadata={"help": "Whether callers show tokens of Keystone where there is a cloud."},
    )
    cloud: str = field(
        default="",
        metadata={
            "help": "The cloud whose Keystone says who callers are; empty: the first of "
            "[openstack] clouds."
        },
    )
    embedded_identity: bool = field(
        default=False,
        metadata={"help": "Whether our own identity face is served beside it, for our accounts."},
    )
    www_authenticate_uri: str = field(
        default="",
        metadata={"help": "What a 401 names as Keystone; empty: the auth_url of the cloud."},
    )
    token_cache_seconds: float = field(
        default=60.0,
        metadata={"help": "A revoked token is refused after so long at the latest.", "min": 0.0},
    )
    grace_seconds: float = field(
        default=300.0,
        metadata={
            "help": "While Keystone does not answer, a token that it took goes on for so much "
            "longer, and never past its own end.",
            "min": 0.0,
        },
    )
    refused_cache_seconds: float = field(
        default=5.0,
        metadata={"help": "For so long a token that Keystone refused is not asked again."},
    )
    token_cache: int = field(
        default=10_000,
        metadata={"help": "Tokens that are remembered, and those refused.", "min": 1},
    )
    timeout: float = field(
        default=5.0,
        metadata={"help": "Seconds that a question to Keystone may take.", "min": 0.1},
    )
    concurrency: int = field(
        default=16,
        metadata={"help": "Questions to Keystone at the same time.", "min": 1, "max": 256},
    )
