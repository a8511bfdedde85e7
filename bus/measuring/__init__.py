"""What flows, how fast, how late, and what was lost. Pure but for its clock."""
