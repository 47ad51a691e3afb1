"""Filters: which images of an incoming pool are dropped, and why."""

from imgcollapse.policies.filters.filtering import Filtered, filter_pool
from imgcollapse.policies.filters.reporting import report

__all__ = ["Filtered", "filter_pool", "report"]
