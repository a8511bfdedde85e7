"""What `doctor` looks at: `facts` as they were gathered, `checks` that judge them. Pure.

machine and instance hold the checks, findings what one tells, fine what is said where nothing
is wrong.
"""
