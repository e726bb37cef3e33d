-- Changes that take more than one row, or more than the viewer may see: each function checks the
-- viewer's rights itself, because it runs with the definer's.
--
-- What a function refuses carries a CONSTRAINT name, as a table's constraint does, so that the API
-- turns both into an answer in one way. SQLSTATE: P0002 there is none that the viewer may see, 42501
-- the viewer sees it but may not, 40001 somebody else was faster, 55000 it is in no state for that.

SET LOCAL ROLE app_definer;

CREATE FUNCTION app.create_workspace(p_name text, p_slug text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    founder uuid := app.uid();
    created uuid;
BEGIN
    IF founder IS NULL THEN
        RAISE EXCEPTION 'only a signed-in user creates a workspace'
              USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'workspaces_create';
    END IF;

    INSERT INTO public.workspaces (name, slug, owner_id) VALUES (p_name, p_slug, founder) RETURNING id INTO created;
    INSERT INTO public.workspace_users (workspace_id, user_id, role) VALUES (created, founder, 'owner');
    RETURN created;
END $$;

-- The e-mail went to the invited address, so holding its token proves the mailbox; the account's
-- address must still be the invited one.
CREATE FUNCTION app.accept_invitation(p_token_hash bytea) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    guest      uuid := app.uid();
    invitation public.workspace_invitations;
BEGIN
    UPDATE public.workspace_invitations i
       SET accepted_at = now()
      FROM public.users u
     WHERE i.token_hash = p_token_hash
       AND i.accepted_at IS NULL AND i.revoked_at IS NULL AND i.expires_at > now()
       AND u.id = guest AND lower(u.email) = lower(i.email)
    RETURNING i.* INTO invitation;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such open invitation'
              USING ERRCODE = 'no_data_found', CONSTRAINT = 'workspace_invitations_open';
    END IF;

    INSERT INTO public.workspace_users (workspace_id, user_id, role, invited_by, invited_at)
    VALUES (invitation.workspace_id, guest, invitation.role, invitation.invited_by, invitation.created_at)
        ON CONFLICT DO NOTHING;
    RETURN invitation.workspace_id;
END $$;

CREATE FUNCTION app.transfer_ownership(p_workspace uuid, p_to uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    owner uuid := app.uid();
BEGIN
    PERFORM FROM public.workspaces w WHERE w.id = p_workspace AND w.owner_id = owner FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'only the owner hands a workspace over'
              USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'workspaces_transfer';
    END IF;

    UPDATE public.workspace_users SET role = 'admin' WHERE workspace_id = p_workspace AND user_id = owner;
    UPDATE public.workspace_users SET role = 'owner' WHERE workspace_id = p_workspace AND user_id = p_to;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the new owner must be a member'
              USING ERRCODE = 'no_data_found', CONSTRAINT = 'workspaces_owner_is_member';
    END IF;
    UPDATE public.workspaces SET owner_id = p_to WHERE id = p_workspace;
END $$;

-- The workflow and its version 1.
CREATE FUNCTION app.create_workflow(
    p_workspace   uuid,
    p_name        text,
    p_description text,
    p_tags        text[],
    p_definition  jsonb,
    p_changelog   text
) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    author  uuid := app.author();
    created uuid;
BEGIN
    IF p_workspace IS NULL OR p_workspace <> ALL (app.ws(20, 'workflows:write')) THEN
        IF p_workspace = ANY (app.ws(10, 'workspace:read')) THEN
            RAISE EXCEPTION 'creating a workflow takes the role of an editor'
                  USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'workflows_write';
        END IF;
        RAISE EXCEPTION 'there is no such workspace'
              USING ERRCODE = 'no_data_found', CONSTRAINT = 'workspaces_visible';
    END IF;

    INSERT INTO public.workflows (workspace_id, name, description, tags, definition, created_by)
    VALUES (p_workspace, p_name, p_description, coalesce(p_tags, '{}'), p_definition, author)
    RETURNING id INTO created;
    INSERT INTO public.workflow_versions (workspace_id, workflow_id, version, definition, changelog, created_by)
    VALUES (p_workspace, created, 1, p_definition, p_changelog, author);
    RETURN created;
END $$;

-- Answers the new version. Of several who save over the same p_base, one succeeds; the others are
-- told the current version in DETAIL.
CREATE FUNCTION app.save_workflow(p_id uuid, p_base integer, p_definition jsonb, p_changelog text) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    saved public.workflows;
BEGIN
    SELECT * INTO saved FROM public.workflows w WHERE w.id = p_id FOR UPDATE;

    IF NOT FOUND OR saved.workspace_id <> ALL (app.ws(20, 'workflows:write')) THEN
        IF saved.workspace_id = ANY (app.ws(10, 'workflows:read')) THEN
            RAISE EXCEPTION 'changing a workflow takes the role of an editor'
                  USING ERRCODE = 'insufficient_privilege', CONSTRAINT = 'workflows_write';
        END IF;
        RAISE EXCEPTION 'there is no such workflow'
              USING ERRCODE = 'no_data_found', CONSTRAINT = 'workflows_visible';
    END IF;
    IF saved.version IS DISTINCT FROM p_base THEN
        RAISE EXCEPTION 'the workflow is at version %, not %', saved.version, p_base
              USING ERRCODE = 'serialization_failure', CONSTRAINT = 'workflows_version_current',
                    DETAIL = saved.version::text;
    END IF;

    UPDATE public.workflows SET definition = p_definition, version = p_base + 1 WHERE id = p_id;
    INSERT INTO public.workflow_versions (workspace_id, workflow_id, version, definition, changelog, created_by)
    VALUES (saved.workspace_id, p_id, p_base + 1, p_definition, p_changelog, app.author());
    RETURN p_base + 1;
END $$;

-- For whoever executes workflows. What it answers is sealed: it opens with the API's key only.
CREATE FUNCTION app.read_credentials(p_integration uuid)
RETURNS TABLE (workspace_id uuid, credentials bytea, credentials_key_id text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
    SELECT i.workspace_id, i.credentials, i.credentials_key_id
      FROM public.integrations i
     WHERE i.id = p_integration AND i.status = 'active'
$$;

GRANT EXECUTE ON FUNCTION
    app.create_workspace(text, text),
    app.accept_invitation(bytea),
    app.transfer_ownership(uuid, uuid),
    app.create_workflow(uuid, text, text, text[], jsonb, text),
    app.save_workflow(uuid, integer, jsonb, text)
TO application_user;

GRANT EXECUTE ON FUNCTION app.read_credentials(uuid) TO mcp_worker;
