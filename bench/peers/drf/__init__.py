"""Peer (a): Django, REST framework and simplejwt; one transaction per vote."""
