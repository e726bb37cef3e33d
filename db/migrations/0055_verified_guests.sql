-- Accounts verify their addresses now (0042), so an invitation can ask for it.

SET LOCAL ROLE app_definer;

-- As in 0051, but the address must be verified with the token, too: a message that was passed on opens
-- nothing to an account that somebody made with the address of another.
CREATE OR REPLACE FUNCTION app.lock_received(p_id uuid, p_token_hash bytea) RETURNS public.workspace_invitations
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    invitation public.workspace_invitations;
    verified   boolean;
BEGIN
    SELECT i.* INTO invitation
      FROM public.workspace_invitations i
     WHERE (i.token_hash = p_token_hash OR i.id = p_id)
       AND i.accepted_at IS NULL AND i.revoked_at IS NULL AND i.declined_at IS NULL AND i.expires_at > now()
       AND NOT EXISTS (SELECT FROM public.workspaces w WHERE w.id = i.workspace_id AND w.deleted_at IS NOT NULL)
       FOR UPDATE;
    SELECT u.email_verified INTO verified
      FROM public.users u
     WHERE u.id = app.uid() AND lower(u.email) = lower(invitation.email);
    IF verified IS NULL THEN
        RAISE EXCEPTION 'there is no such open invitation'
              USING ERRCODE = 'no_data_found', CONSTRAINT = 'workspace_invitations_open';
    END IF;
    IF NOT verified THEN
        RAISE EXCEPTION 'the address of the account is not verified'
              USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'users_email_verified';
    END IF;
    RETURN invitation;
END $$;
