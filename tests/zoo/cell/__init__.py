"""Cells for `check_cell`: `right` and `modules`, `wrong` and `slips`, `kinds`, `brought`."""
