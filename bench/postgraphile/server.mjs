// PostGraphile 5 on the same database, login and policies as ours: server.mjs URL PORT
//
// Who asks is read from the same access token (VIEWER_KEY, KEY_ID and TOKEN_KEY are ours, in hex), and
// is bound to each transaction by the same three settings, in the way of its own adaptor: begin;
// set_config; the query; commit. The adaptor is wrapped only because the proof takes now() of the
// transaction, which pgSettings cannot say.

import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import { createWithPgClient, makePgService } from "postgraphile/adaptors/pg";
import { makePgSmartTagsPlugin } from "postgraphile/utils";
import { grafserv } from "postgraphile/grafserv/node";
import { postgraphile } from "postgraphile";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";
import jwt from "jsonwebtoken";
import pg from "pg";

const [url, port] = process.argv.slice(2);
const tokenKey = Buffer.from(process.env.TOKEN_KEY, "hex");
const viewerKey = Buffer.from(process.env.VIEWER_KEY, "hex");
const kid = process.env.KEY_ID;

function viewerOf(authorization) {
  if (!authorization?.startsWith("Bearer ")) return null;
  const claims = jwt.verify(authorization.slice(7), tokenKey, {
    algorithms: ["HS256"],
    audience: "graphql-api",
    issuer: "graphql-api",
  });
  return claims.sub;
}

function settingsOf(user) {
  const expiry = String(Math.floor(Date.now() / 1000) + 60).padStart(10, "0");
  const mac = createHmac("sha256", viewerKey).update(`u${user}${expiry}${kid}`).digest("hex");
  return { "app.current_user_id": user, "app.viewer_proof": `${expiry}${kid}${mac}` };
}

const BIND = `select set_config('app.current_user_id', $1, true), set_config('app.current_api_key_id', '', true),
  set_config('app.viewer_proof', $2 || '@' || extract(epoch FROM now()), true)`;

const pool = new pg.Pool({
  connectionString: url,
  max: Number(process.env.POOL_SIZE),
  idleTimeoutMillis: 0,
  options: process.env.PG_OPTIONS,
});

const service = makePgService({
  name: "main",
  pool,
  schemas: ["public", "bench"],
  pubsub: false,
});

const adaptor = {
  createWithPgClient(options, variant) {
    const plain = createWithPgClient(options, variant);
    const bound = async (settings, callback) => {
      if (!settings?.["app.current_user_id"]) return plain(settings, callback);
      return plain(null, async (client) => {
        await client.rawClient.query({ text: "begin" });
        try {
          const values = [settings["app.current_user_id"], settings["app.viewer_proof"]];
          await client.rawClient.query({ text: BIND, values });
          const result = await callback(client);
          await client.rawClient.query({ text: "commit" });
          return result;
        } catch (error) {
          await client.rawClient.query({ text: "rollback" });
          throw error;
        }
      });
    };
    bound.release = plain.release;
    return bound;
  },
  makePgService,
};

// A view has no keys; these tell PostGraphile what its columns are.
const views = makePgSmartTagsPlugin([
  {
    kind: "class",
    match: "public.workflow_statistics",
    tags: {
      primaryKey: "id",
      foreignKey: "(id) references public.workflows (id)|@fieldName workflow|@foreignFieldName statistics",
    },
  },
  {
    // Over the two columns of the real key PostgreSQL takes a worse index.
    kind: "class",
    match: "public.executions",
    tags: {
      foreignKey: "(workflow_id) references public.workflows (id)|@fieldName workflow|@foreignFieldName executions",
    },
  },
  {
    kind: "class",
    match: "public.execution_logs",
    tags: {
      foreignKey: "(execution_id) references public.executions (id)|@foreignFieldName executionLogsByExecutionId",
    },
  },
  { kind: "class", match: "public.user_dashboard", tags: { primaryKey: "user_id" } },
]);

const preset = {
  extends: [PostGraphileAmberPreset],
  plugins: [views],
  pgServices: [{ ...service, adaptor }],
  disablePlugins: ["PgIndexBehaviorsPlugin"],
  schema: { defaultBehavior: "-insert -update -delete" },
  grafast: {
    explain: false,
    context(request) {
      const user = viewerOf(request.node?.req.headers.authorization);
      return user ? { pgSettings: settingsOf(user) } : {};
    },
  },
  grafserv: { port: Number(port), graphiql: false, watch: false, websockets: false },
};

const instance = postgraphile(preset);
if (process.env.PRINT_SCHEMA) {
  const { printSchema } = await import("graphql");
  console.log(printSchema((await instance.getSchemaResult()).schema));
  process.exit(0);
}
const server = createServer();
await instance.createServ(grafserv).addTo(server);
server.listen(Number(port), "127.0.0.1");
