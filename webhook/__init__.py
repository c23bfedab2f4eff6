"""The admission webhook will live here; there is nothing to run yet."""
