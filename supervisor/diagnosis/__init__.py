"""What `doctor` looks at: `facts` as they were gathered, `checks` that judge them. Pure."""
