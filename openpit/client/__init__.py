"""From public calls to commands, from replies to results. No I/O."""
