"""Damage to limbs as generators make it: warps, smears, doublings, each with a harmless operation of the same traces."""
