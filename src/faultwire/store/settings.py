"""Settings of the database, and of what it forgets."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Settings:
    """`[database]`; all but the first options are for PostgreSQL and MariaDB."""

    connection: str = field(
        default="",
        # Holds a password: whoever shows settings must not show it.
        repr=False,
        metadata={
            "help": "URL of the database: postgresql://USER:PASSWORD@HOST/NAME,"
            " mariadb://USER:PASSWORD@HOST/NAME, or sqlite:///FILE."
            " Empty: the embedded one in the state folder."
        },
    )
    upgrade_on_start: bool = field(
        default=True,
        metadata={
            "help": "Bring an older schema up to date at start; otherwise the start is refused"
            " until `faultwire db upgrade` has done it."
        },
    )
    connect_seconds: int = field(
        default=5,
        metadata={"help": "Longest wait for one connection.", "min": 2, "max": 120},
    )
    connect_retry_seconds: int = field(
        default=30,
        metadata={"help": "How long a start waits for a database that is down.", "min": 0},
    )
    lock_seconds: float = field(
        default=2.0,
        metadata={
            "help": "How long a statement waits for rows or a database that another one has"
            " locked, SQLite included.",
            "min": 0.1,
            "max": 60.0,
        },
    )
    statement_seconds: int = field(
        default=10,
        metadata={"help": "Longest time of one statement.", "min": 1, "max": 3600},
    )
    retry_seconds: float = field(
        default=2.0,
        metadata={
            "help": "How long a transaction is tried again after a deadlock or a lost connection"
            " before its caller hears that the database is unavailable.",
            "min": 0.0,
            "max": 60.0,
        },
    )
    pool_size: int = field(
        default=8,
        metadata={
            "help": "Most connections of one process; the writer keeps one of them.",
            "min": 4,
            "max": 100,
        },
    )


@dataclass(frozen=True, slots=True)
class Retention:
    """`[retention]`: the age at which what is over is removed; 0 keeps it for ever."""

    faults_days: int = field(
        default=90,
        metadata={"help": "Closed faults with their timelines, after their close.", "min": 0},
    )
    history_days: int = field(
        default=90, metadata={"help": "Lines of the history of alarms.", "min": 0}
    )
    deliveries_days: int = field(
        default=30,
        metadata={"help": "Deliveries that arrived, were refused or were given up.", "min": 0},
    )
    samples_days: int = field(
        default=7, metadata={"help": "Samples that threshold alarms look at.", "min": 0}
    )
    audit_days: int = field(default=365, metadata={"help": "Lines of the audit record.", "min": 0})
    tasks_days: int = field(default=30, metadata={"help": "Tasks that are over.", "min": 0})
