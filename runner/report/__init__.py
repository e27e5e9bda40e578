"""From stored runs to statistics, tables, figures and the report page."""
