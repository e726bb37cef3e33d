-- As in 0050 but cheaper, since every table of a statement asks it: the key of the proof is read along with
-- the workspaces, in one query. And it ends in a variable, whose array plpgsql gives as it stands: that of a
-- query is packed where it is short (up to six workspaces), and unpacked for every row that a policy holds
-- against it. docs/adr/0030

SET LOCAL ROLE app_definer;

-- The proof is held against the claim as in app.viewer(), but after reading: so what is claimed must be safe
-- to read as a uuid.
CREATE OR REPLACE FUNCTION app.ws(p_rank integer, p_scope text) RETURNS uuid[]
LANGUAGE plpgsql STABLE SECURITY DEFINER PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    proof   text := current_setting('app.viewer_proof', true);
    of_user text := current_setting('app.current_user_id', true);
    of_key  text := current_setting('app.current_api_key_id', true);
    stamp   text := extract(epoch FROM now())::text;
    claim   text;
    ipad    bytea;
    opad    bytea;
    held    uuid[];
BEGIN
    claim := CASE WHEN coalesce(of_key,  '') = '' THEN 'u' || of_user
                  WHEN coalesce(of_user, '') = '' THEN 'k' || of_key END;
    IF (substr(proof, 77) = '@' || stamp
        AND substr(proof, 1, 10) COLLATE "C" >= stamp
        AND claim LIKE '_________-____-____-____-____________'
        AND translate(substr(claim, 2), '0123456789abcdef', '') = '----') IS NOT TRUE THEN
        RETURN '{}';
    END IF;

    -- OFFSET 0 keeps it a probe for each row, however the planner judges the sizes of tables.
    IF left(claim, 1) = 'u' THEN
        SELECT v.ipad, v.opad, ARRAY(
               SELECT m.workspace_id
                 FROM public.workspace_users m
                WHERE m.user_id = of_user::uuid
                  AND (app.rank(m.role) >= p_rank OR m.permissions ? p_scope)
                  AND NOT EXISTS (SELECT FROM public.workspaces w
                                   WHERE w.id = m.workspace_id AND w.deleted_at IS NOT NULL OFFSET 0))
          INTO ipad, opad, held
          FROM secret.viewer_keys v
         WHERE v.kid = substr(proof, 11, 2);
    ELSE
        SELECT v.ipad, v.opad, ARRAY(
               SELECT k.workspace_id
                 FROM public.api_keys k
                 JOIN public.workspace_users m ON m.workspace_id = k.workspace_id AND m.user_id = k.created_by
                WHERE k.id = of_key::uuid
                  AND k.status = 'active'
                  AND (k.expires_at IS NULL OR k.expires_at > now())
                  AND p_scope = ANY (k.scopes)
                  AND (app.rank(m.role) >= p_rank OR m.permissions ? p_scope)
                  AND NOT EXISTS (SELECT FROM public.workspaces w
                                   WHERE w.id = k.workspace_id AND w.deleted_at IS NOT NULL OFFSET 0))
          INTO ipad, opad, held
          FROM secret.viewer_keys v
         WHERE v.kid = substr(proof, 11, 2);
    END IF;

    IF app.viewer_mac(claim || substr(proof, 1, 12), ipad, opad) = substr(proof, 13, 64) THEN
        RETURN held;
    END IF;
    RETURN '{}';
END $$;
