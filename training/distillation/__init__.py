"""Distillation: a student learns from the logits of its teacher."""
