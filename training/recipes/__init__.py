"""Recipes: which model, how long and how to train it, for the data and time at hand."""

from .recipe import ROLES, Recipe, recipe

__all__ = ["ROLES", "Recipe", "recipe"]
