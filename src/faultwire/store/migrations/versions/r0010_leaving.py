"""Which host a server of a cloud is to leave; who vouches for a host without power."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

NAME = sa.String(255)


def upgrade() -> None:
    """Add the columns; the way back is a backup."""
    for name in ("origin", "place"):
        op.add_column("remote_acts", sa.Column(name, NAME, nullable=False, server_default=""))
    vouched = sa.Column("no_fence", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("tasks", vouched)
