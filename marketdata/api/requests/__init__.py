"""The requests, as OpenAlgo's clients send them, in the same modules as the replies.

Clients write numbers as text or as numbers; both are taken. Fields that nobody here needs
(`disclosed_quantity`, further ones of newer clients) are let pass.
"""
