"""Silent failures: a day's rows, columns, outputs and labels beside what is usual."""
