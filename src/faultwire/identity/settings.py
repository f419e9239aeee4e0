"""Settings of identity."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Settings:
    """`[identity]`."""

    token_expiration: int = field(
        default=3600, metadata={"help": "Seconds that a token is valid.", "min": 1}
    )
    token_cache: int = field(
        default=10_000,
        metadata={"help": "Tokens whose signature is remembered as checked.", "min": 1},
    )
    bcrypt_rounds: int = field(
        default=12,
        metadata={"help": "Cost of a password's hash, as a power of two.", "min": 4, "max": 16},
    )
    account_failures: int = field(
        default=5,
        metadata={"help": "Failed logins of one account before they are slowed.", "min": 1},
    )
    source_failures: int = field(
        default=20,
        metadata={"help": "Failed logins from one address before they are slowed.", "min": 1},
    )
    longest_delay: float = field(
        default=8.0,
        metadata={"help": "Longest wait, in seconds, that failed logins bring on.", "min": 0},
    )
    waiting_logins: int = field(
        default=256,
        metadata={"help": "Logins that may wait at once; more are told to come back.", "min": 2},
    )
    page_limit: int = field(
        default=1000,
        metadata={"help": "Most users, projects or grants on one page of a list.", "min": 1},
    )
