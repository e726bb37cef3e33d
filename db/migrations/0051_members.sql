-- Who belongs to a workspace: invited by e-mail, changed, removed, leaving; and the owner's chair,
-- which the other side has to accept.
--
-- Nobody grants more than they have: an admin makes admins, who are their equals, and no owner.

SET LOCAL ROLE mcp_owner;

ALTER TABLE workspace_invitations
    ADD COLUMN permissions jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN declined_at timestamptz,
    ADD CONSTRAINT workspace_invitations_permissions_check CHECK (
        jsonb_typeof(permissions) = 'array' AND permissions <@ to_jsonb(app.known_scopes())
    );

GRANT SELECT (permissions, declined_at) ON workspace_invitations TO application_user;
GRANT SELECT, INSERT, UPDATE, DELETE    ON workspace_invitations TO app_definer;
GRANT SELECT, INSERT, UPDATE, DELETE    ON workspace_users       TO app_definer;

DROP INDEX workspace_invitations_one_open;
CREATE UNIQUE INDEX workspace_invitations_one_open
    ON workspace_invitations (workspace_id, lower(email))
    WHERE accepted_at IS NULL AND revoked_at IS NULL AND declined_at IS NULL;

-- What app.my_invitations() looks for.
CREATE INDEX idx_workspace_invitations_email
    ON workspace_invitations (lower(email))
    WHERE accepted_at IS NULL AND revoked_at IS NULL AND declined_at IS NULL;

-- The owner offers the workspace to a member, who takes it or not.
CREATE TABLE ownership_offers (
    id           uuid        PRIMARY KEY DEFAULT gen_random_uuid(),
    workspace_id uuid        NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    offered_by   uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    offered_to   uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL DEFAULT now() + interval '7 days',
    accepted_at  timestamptz,
    declined_at  timestamptz,
    withdrawn_at timestamptz,

    CONSTRAINT ownership_offers_other_check CHECK (offered_by <> offered_to)
);

CREATE UNIQUE INDEX ownership_offers_one_open
    ON ownership_offers (workspace_id)
    WHERE accepted_at IS NULL AND declined_at IS NULL AND withdrawn_at IS NULL;

CREATE INDEX idx_ownership_offers_workspace_id ON ownership_offers (workspace_id, created_at DESC, id DESC);
CREATE INDEX idx_ownership_offers_offered_to   ON ownership_offers (offered_to, created_at DESC, id DESC);
CREATE INDEX idx_ownership_offers_offered_by   ON ownership_offers (offered_by);

ALTER TABLE ownership_offers ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY definer ON ownership_offers TO app_definer USING (true) WITH CHECK (true);
CREATE POLICY ownership_offers_select ON ownership_offers FOR SELECT TO application_user
    USING (workspace_id = ANY ((SELECT app.ws(30, NULL))::uuid[])
           OR (offered_to = (SELECT app.uid())
               AND workspace_id = ANY ((SELECT app.ws(10, NULL))::uuid[])));

GRANT SELECT                 ON ownership_offers TO application_user;
GRANT SELECT, INSERT, UPDATE ON ownership_offers TO app_definer;

CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON ownership_offers
    FOR EACH ROW EXECUTE FUNCTION app.write_audit('ownership_offer', '', '');

SET LOCAL ROLE app_definer;

-- Invitations -----------------------------------------------------------------------------------------

-- p_role NULL is the workspace's default. Answers the invitation.
CREATE FUNCTION app.invite(p_workspace uuid, p_email text, p_role text, p_permissions text[], p_token_hash bytea)
RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    address text := lower(btrim(p_email));
    settings jsonb;
    made     uuid;
BEGIN
    PERFORM app.demand(p_workspace, 30, NULL, 'members_write');
    SELECT w.settings INTO settings FROM public.workspaces w WHERE w.id = p_workspace;
    IF settings ? 'invitation_domains' AND NOT settings -> 'invitation_domains' ? split_part(address, '@', 2) THEN
        RAISE EXCEPTION 'the workspace invites into its own domains only'
              USING ERRCODE = 'check_violation', CONSTRAINT = 'workspace_invitations_domain';
    END IF;
    IF EXISTS (SELECT FROM public.workspace_users m JOIN public.users u ON u.id = m.user_id
                WHERE m.workspace_id = p_workspace AND lower(u.email) = address) THEN
        RAISE EXCEPTION 'who is invited belongs to the workspace already'
              USING ERRCODE = 'object_not_in_prerequisite_state', CONSTRAINT = 'members_already';
    END IF;

    -- One that nobody can accept any more makes room.
    UPDATE public.workspace_invitations i
       SET revoked_at = now()
     WHERE i.workspace_id = p_workspace AND lower(i.email) = address AND i.expires_at <= now()
       AND i.accepted_at IS NULL AND i.revoked_at IS NULL AND i.declined_at IS NULL;

    INSERT INTO public.workspace_invitations
           (workspace_id, email, role, permissions, token_hash, invited_by, expires_at)
    VALUES (p_workspace, address, coalesce(p_role, settings ->> 'default_role', 'viewer'),
            to_jsonb(coalesce(p_permissions, '{}')), p_token_hash, app.uid(),
            now() + make_interval(days => coalesce((settings ->> 'invitation_days')::integer, 7)))
    RETURNING id INTO made;
    RETURN made;
END $$;

-- One that can still be answered, or has expired, locked for an admin of its workspace.
CREATE FUNCTION app.lock_invitation(p_id uuid) RETURNS public.workspace_invitations
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    invitation public.workspace_invitations;
BEGIN
    SELECT * INTO invitation FROM public.workspace_invitations i WHERE i.id = p_id FOR UPDATE;
    IF NOT FOUND OR invitation.workspace_id <> ALL (app.ws(30, NULL)) THEN
        RAISE EXCEPTION 'there is no such invitation'
              USING ERRCODE = 'no_data_found', CONSTRAINT = 'workspace_invitations_visible';
    END IF;
    IF num_nonnulls(invitation.accepted_at, invitation.revoked_at, invitation.declined_at) > 0 THEN
        RAISE EXCEPTION 'the invitation was answered or taken back'
              USING ERRCODE = 'object_not_in_prerequisite_state', CONSTRAINT = 'workspace_invitations_answered';
    END IF;
    RETURN invitation;
END $$;

-- A new token and a new time; what the earlier message holds is worth nothing from here on.
CREATE FUNCTION app.resend_invitation(p_id uuid, p_token_hash bytea) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    invitation public.workspace_invitations := app.lock_invitation(p_id);
BEGIN
    UPDATE public.workspace_invitations i
       SET token_hash = p_token_hash,
           expires_at = now() + make_interval(days => coalesce((w.settings ->> 'invitation_days')::integer, 7))
      FROM public.workspaces w
     WHERE i.id = invitation.id AND w.id = invitation.workspace_id;
END $$;

CREATE FUNCTION app.revoke_invitation(p_id uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    invitation public.workspace_invitations := app.lock_invitation(p_id);
BEGIN
    UPDATE public.workspace_invitations i SET revoked_at = now() WHERE i.id = invitation.id;
END $$;

-- The open invitation with this token or this id that is for the viewer, locked. For the viewer is one
-- to the address of the account; without the token, which came by mail, it must be a verified one.
CREATE FUNCTION app.lock_received(p_id uuid, p_token_hash bytea) RETURNS public.workspace_invitations
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    invitation    public.workspace_invitations;
    verified boolean;
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
    IF NOT verified AND invitation.token_hash IS DISTINCT FROM p_token_hash THEN
        RAISE EXCEPTION 'the address of the account is not verified'
              USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'users_email_verified';
    END IF;
    RETURN invitation;
END $$;

DROP FUNCTION app.accept_invitation(bytea);

CREATE FUNCTION app.accept_invitation(p_id uuid, p_token_hash bytea) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    invitation public.workspace_invitations := app.lock_received(p_id, p_token_hash);
BEGIN
    UPDATE public.workspace_invitations i SET accepted_at = now() WHERE i.id = invitation.id;
    INSERT INTO public.workspace_users (workspace_id, user_id, role, permissions, invited_by, invited_at)
    VALUES (invitation.workspace_id, app.uid(), invitation.role, invitation.permissions, invitation.invited_by, invitation.created_at)
        ON CONFLICT DO NOTHING;
    RETURN invitation.workspace_id;
END $$;

CREATE FUNCTION app.decline_invitation(p_id uuid, p_token_hash bytea) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    invitation public.workspace_invitations := app.lock_received(p_id, p_token_hash);
BEGIN
    UPDATE public.workspace_invitations i SET declined_at = now() WHERE i.id = invitation.id;
END $$;

-- What the viewer is invited to, at an address that is known to be theirs.
CREATE FUNCTION app.my_invitations()
RETURNS TABLE (id uuid, workspace_name varchar, workspace_slug varchar, invited_by_name varchar, role varchar,
               permissions text[], created_at timestamptz, expires_at timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT i.id, w.name, w.slug, g.name, i.role,
           ARRAY(SELECT jsonb_array_elements_text(i.permissions)), i.created_at, i.expires_at
      FROM public.users u
      JOIN public.workspace_invitations i ON lower(i.email) = lower(u.email)
      JOIN public.workspaces w ON w.id = i.workspace_id AND w.deleted_at IS NULL
      LEFT JOIN public.users g ON g.id = i.invited_by
     WHERE u.id = app.uid() AND u.email_verified
       AND i.accepted_at IS NULL AND i.revoked_at IS NULL AND i.declined_at IS NULL AND i.expires_at > now();
END $$;

-- Members ---------------------------------------------------------------------------------------------

-- The membership, locked, for whoever may see it.
CREATE FUNCTION app.lock_member(p_id uuid) RETURNS public.workspace_users
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    member public.workspace_users;
BEGIN
    SELECT * INTO member FROM public.workspace_users m WHERE m.id = p_id FOR UPDATE;
    IF NOT FOUND OR member.workspace_id <> ALL (app.ws(10, 'workspace:read')) THEN
        RAISE EXCEPTION 'there is no such member'
              USING ERRCODE = 'no_data_found', CONSTRAINT = 'members_visible';
    END IF;
    RETURN member;
END $$;

-- NULL leaves the role, or the permissions, as they are.
CREATE FUNCTION app.change_member(p_id uuid, p_role text, p_permissions text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    member public.workspace_users := app.lock_member(p_id);
BEGIN
    PERFORM app.demand(member.workspace_id, 30, NULL, 'members_write');
    IF member.role = 'owner' OR p_role = 'owner' THEN
        RAISE EXCEPTION 'the owner changes by an offer of ownership'
              USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'members_owner';
    END IF;
    UPDATE public.workspace_users m
       SET role        = coalesce(p_role, m.role),
           permissions = coalesce(to_jsonb(p_permissions), m.permissions)
     WHERE m.id = p_id;
END $$;

-- Others are removed by admins; everybody but the owner may leave.
CREATE FUNCTION app.remove_member(p_id uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    member public.workspace_users := app.lock_member(p_id);
BEGIN
    IF member.user_id IS DISTINCT FROM app.uid() THEN
        PERFORM app.demand(member.workspace_id, 30, NULL, 'members_write');
    END IF;
    IF member.role = 'owner' THEN
        RAISE EXCEPTION 'the owner stays: hand the workspace over first'
              USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'members_owner_stays';
    END IF;
    UPDATE public.ownership_offers o
       SET withdrawn_at = now()
     WHERE o.workspace_id = member.workspace_id AND o.offered_to = member.user_id
       AND o.accepted_at IS NULL AND o.declined_at IS NULL AND o.withdrawn_at IS NULL;
    DELETE FROM public.workspace_users m WHERE m.id = p_id;
END $$;

-- Ownership -------------------------------------------------------------------------------------------

DROP FUNCTION app.transfer_ownership(uuid, uuid);

-- An earlier offer that is still open is withdrawn by it.
CREATE FUNCTION app.offer_ownership(p_member uuid) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    member public.workspace_users := app.lock_member(p_member);
    made   uuid;
BEGIN
    PERFORM app.demand(member.workspace_id, 40, NULL, 'workspaces_owner');
    IF member.user_id = app.uid() THEN
        RAISE EXCEPTION 'the workspace is yours'
              USING ERRCODE = 'check_violation', CONSTRAINT = 'ownership_offers_other_check';
    END IF;
    UPDATE public.ownership_offers o
       SET withdrawn_at = now()
     WHERE o.workspace_id = member.workspace_id
       AND o.accepted_at IS NULL AND o.declined_at IS NULL AND o.withdrawn_at IS NULL;
    INSERT INTO public.ownership_offers (workspace_id, offered_by, offered_to)
    VALUES (member.workspace_id, app.uid(), member.user_id)
    RETURNING id INTO made;
    RETURN made;
END $$;

-- An open offer, locked, for p_side of it: by or to.
CREATE FUNCTION app.lock_offer(p_id uuid, p_side text) RETURNS public.ownership_offers
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    offer public.ownership_offers;
BEGIN
    SELECT * INTO offer FROM public.ownership_offers o WHERE o.id = p_id FOR UPDATE;
    IF NOT FOUND OR NOT (offer.workspace_id = ANY (app.ws(30, NULL))
                         OR offer.offered_to = app.uid() AND offer.workspace_id = ANY (app.ws(10, NULL))) THEN
        RAISE EXCEPTION 'there is no such offer'
              USING ERRCODE = 'no_data_found', CONSTRAINT = 'ownership_offers_visible';
    END IF;
    IF app.uid() IS DISTINCT FROM (CASE p_side WHEN 'by' THEN offer.offered_by ELSE offer.offered_to END) THEN
        RAISE EXCEPTION 'the offer is between two others'
              USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'ownership_offers_side';
    END IF;
    IF num_nonnulls(offer.accepted_at, offer.declined_at, offer.withdrawn_at) > 0 OR offer.expires_at <= now() THEN
        RAISE EXCEPTION 'the offer is not open any more'
              USING ERRCODE = 'object_not_in_prerequisite_state', CONSTRAINT = 'ownership_offers_open';
    END IF;
    RETURN offer;
END $$;

-- Memberships are locked before the offer, as by those who remove the new owner at this moment: one
-- side waits for the other, and then sees what it did.
CREATE FUNCTION app.accept_ownership(p_id uuid) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    offer public.ownership_offers;
BEGIN
    PERFORM FROM public.workspace_users m
       JOIN public.ownership_offers o ON o.workspace_id = m.workspace_id AND m.user_id IN (o.offered_by, o.offered_to)
      WHERE o.id = p_id
      ORDER BY m.user_id
        FOR UPDATE OF m;
    offer := app.lock_offer(p_id, 'to');
    UPDATE public.workspaces w
       SET owner_id = offer.offered_to
     WHERE w.id = offer.workspace_id AND w.owner_id = offer.offered_by AND w.deleted_at IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'who offered it does not own it any more'
              USING ERRCODE = 'object_not_in_prerequisite_state', CONSTRAINT = 'ownership_offers_open';
    END IF;

    UPDATE public.workspace_users m SET role = 'admin'
     WHERE m.workspace_id = offer.workspace_id AND m.user_id = offer.offered_by;
    UPDATE public.workspace_users m SET role = 'owner'
     WHERE m.workspace_id = offer.workspace_id AND m.user_id = offer.offered_to;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the new owner must be a member'
              USING ERRCODE = 'no_data_found', CONSTRAINT = 'members_visible';
    END IF;
    UPDATE public.ownership_offers o SET accepted_at = now() WHERE o.id = p_id;
    RETURN offer.workspace_id;
END $$;

CREATE FUNCTION app.decline_ownership(p_id uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    offer public.ownership_offers := app.lock_offer(p_id, 'to');
BEGIN
    UPDATE public.ownership_offers o SET declined_at = now() WHERE o.id = offer.id;
END $$;

CREATE FUNCTION app.withdraw_ownership(p_id uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    offer public.ownership_offers := app.lock_offer(p_id, 'by');
BEGIN
    UPDATE public.ownership_offers o SET withdrawn_at = now() WHERE o.id = offer.id;
END $$;

GRANT EXECUTE ON FUNCTION
    app.invite(uuid, text, text, text[], bytea),
    app.resend_invitation(uuid, bytea),
    app.revoke_invitation(uuid),
    app.accept_invitation(uuid, bytea),
    app.decline_invitation(uuid, bytea),
    app.my_invitations(),
    app.change_member(uuid, text, text[]),
    app.remove_member(uuid),
    app.offer_ownership(uuid),
    app.accept_ownership(uuid),
    app.decline_ownership(uuid),
    app.withdraw_ownership(uuid)
TO application_user;
