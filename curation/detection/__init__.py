"""Checks of detection sets: images, boxes, masks, and what models and people say of them."""
