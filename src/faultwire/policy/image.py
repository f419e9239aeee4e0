"""Rules of the image face: Glance's names."""

from faultwire.policy.rule import ANYBODY, Rule

RULES = (
    Rule("get_images", ANYBODY, "List images.", (("GET", "/image/v2/images"),)),
    Rule("get_image", ANYBODY, "Show an image.", (("GET", "/image/v2/images/{image_id}"),)),
)
