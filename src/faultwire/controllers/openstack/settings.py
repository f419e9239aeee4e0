"""Settings of clouds that are not ours."""

from dataclasses import dataclass, field

UNNAMED = "openstack"
"""Name of the cloud that the options describe where they name no region."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`[openstack]`."""

    clouds: tuple[str, ...] = field(
        default=(),
        metadata={"help": "Clouds of clouds.yaml that faults are acted on in; none: standalone."},
    )
    clouds_yaml: str = field(
        default="",
        metadata={"help": "Where they are described; empty: where OpenStack's clients look."},
    )
    auth_url: str = field(
        default="",
        metadata={"help": "Keystone of the one cloud, where no clouds are named: how to sign in."},
    )
    auth_type: str = field(
        default="",
        metadata={"help": "Its plugin of keystoneauth; empty: by what is set below."},
    )
    username: str = field(default="", metadata={"help": "The account that acts in the cloud."})
    password: str = field(default="", metadata={"help": "Its password."})
    user_domain_name: str = field(
        default="Default", metadata={"help": "The domain of the account."}
    )
    project_name: str = field(default="", metadata={"help": "The project it acts in."})
    project_domain_name: str = field(
        default="Default", metadata={"help": "The domain of the project."}
    )
    application_credential_id: str = field(
        default="", metadata={"help": "An application credential, in the place of a password."}
    )
    application_credential_secret: str = field(default="", metadata={"help": "Its secret."})
    region_name: str = field(
        default="", metadata={"help": "The region whose endpoints are used; empty: the first."}
    )
    interface: str = field(
        default="public",
        metadata={"help": "Which of its endpoints are used: public, internal or admin."},
    )
    cafile: str = field(
        default="",
        metadata={"help": "PEM file of authorities that its certificates are checked against."},
    )
    serve: tuple[str, ...] = field(
        default=(),
        metadata={
            "help": "Faces that are served whole though a cloud has its own: compute, network, "
            "image, database."
        },
    )
    concurrency: int = field(
        default=8,
        metadata={"help": "Requests to one cloud at the same time.", "min": 1, "max": 64},
    )
    evacuations: int = field(
        default=8,
        metadata={"help": "Servers of one cloud that leave hosts at the same time.", "min": 1},
    )
    disable_on_host_down: bool = field(
        default=False,
        metadata={"help": "Also disable the service of a host that is forced down."},
    )
    timeout: float = field(
        default=30.0,
        metadata={"help": "Seconds that one request to a cloud may take.", "min": 0.1},
    )
    reconcile_seconds: float = field(
        default=60.0,
        metadata={"help": "Between two looks at all that a cloud has.", "min": 1.0},
    )
    retry_for: int = field(
        default=600,
        metadata={"help": "Seconds during which a cloud's `not yet` is asked again.", "min": 1},
    )

    @property
    def names(self) -> tuple[str, ...]:
        """The clouds: those of clouds.yaml, or the one that these options describe, or none."""
        if self.clouds or not self.auth_url:
            return self.clouds
        return (self.region_name or UNNAMED,)
