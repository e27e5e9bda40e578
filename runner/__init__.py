"""From YAML to tables: configuration, planning, execution in process or on Ray, statistics and reports."""
