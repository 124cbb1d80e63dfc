# SPDX-License-Identifier: MIT
"""The ./weft tool: builds, boots, tests and measures the system. Standard library only."""
