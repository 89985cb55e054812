"""The owner's exit: out of every venue and back to the wallet, with nobody's help.

`state` reads what an account has, `plan` says what is to be done about it (pure), `reasons` puts a
refusal into words, and `run` does it, one simulated transaction after the other. None of it needs
anything of Ringside's but the contracts on the chain.
"""
