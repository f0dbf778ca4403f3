"""Generators of models, one file for each family of ops.

Each is a function of choices, an op and a kind. What it draws is the op's whole parameter space:
mostly what TFLM accepts, with a few values beyond it.
"""
