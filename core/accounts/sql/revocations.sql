-- What the hot paths must know of accounts to refuse tokens that are void before they expire.

-- name: recently_revoked
-- Accounts whose tokens were made void within the given seconds, the life of an access token: their generation now, and whether they are active.
SELECT id, token_generation, is_active FROM accounts_user WHERE tokens_revoked_at > now() - make_interval(secs => %s);
