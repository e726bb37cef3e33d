import{a as e}from"./rolldown-runtime-BWaJ3C7D.js";import{_r as t,a as n,br as r,c as i,d as a,f as o,gr as s,h as c,i as l,mr as u,n as d,o as f,p,r as m,s as h,t as ee,xr as te,yr as ne}from"./packages-C3DqcMwZ.js";(function(){let e=document.createElement(`link`).relList;if(e&&e.supports&&e.supports(`modulepreload`))return;for(let e of document.querySelectorAll(`link[rel="modulepreload"]`))n(e);new MutationObserver(e=>{for(let t of e)if(t.type===`childList`)for(let e of t.addedNodes)e.tagName===`LINK`&&e.rel===`modulepreload`&&n(e)}).observe(document,{childList:!0,subtree:!0});function t(e){let t={};return e.integrity&&(t.integrity=e.integrity),e.referrerPolicy&&(t.referrerPolicy=e.referrerPolicy),t.credentials=e.crossOrigin===`use-credentials`?`include`:e.crossOrigin===`anonymous`?`omit`:`same-origin`,t}function n(e){if(e.ep)return;e.ep=!0;let n=t(e);fetch(e.href,n)}})();var g=e(te(),1),_=r(),v=`# The runs that failed, newest first, five at a time.
# For the next page, give \`endCursor\` of the answer to the variable \`after\` below, and run it again.

query FilterAndPage($after: String) {
  executions(
    # All of this must be true; \`or\`, \`and\` and \`not\` combine more.
    filter: {
      status: [FAILED, TIMEOUT]
      logs: { level: [ERROR] }
    }
    orderBy: NEWEST
    first: 5
    after: $after
  ) {
    totalCount
    pageInfo {
      hasNextPage
      endCursor
    }
    nodes {
      startedAt
      errorMessage
      workflow {
        name
      }
      # Lists inside have filters of their own.
      logs(filter: { level: [ERROR] }, first: 1) {
        nodes {
          nodeId
          message
        }
      }
    }
  }
}
`,y=`# Makes a workflow of a file that n8n exported: all of it or nothing.
# \`source\` is the text of the file; paste one of yours between the quotes.
# \`$workspaceId\`, in the pane "Variables" below, becomes your workspace when you sign in.

mutation ImportWorkflow($workspaceId: ID!) {
  importWorkflow(
    input: {
      workspaceId: $workspaceId
      format: N8N
      source: """
      {
        "name": "Frost warning",
        "nodes": [
          {
            "id": "morning",
            "name": "Every morning",
            "type": "n8n-nodes-base.scheduleTrigger",
            "position": [0, 0],
            "parameters": { "rule": { "interval": [{ "triggerAtHour": 6 }] } }
          },
          {
            "id": "forecast",
            "name": "Read the forecast",
            "type": "n8n-nodes-base.httpRequest",
            "position": [220, 0],
            "parameters": { "url": "https://weather.example/forecast" }
          },
          {
            "id": "warning",
            "name": "Warn the gardeners",
            "type": "n8n-nodes-base.telegram",
            "position": [440, 0],
            "parameters": { "text": "Cover the tomatoes." },
            "credentials": { "telegramApi": { "id": "7", "name": "Garden bot" } }
          }
        ],
        "connections": {
          "Every morning": {
            "main": [[{ "node": "Read the forecast", "type": "main", "index": 0 }]]
          },
          "Read the forecast": {
            "main": [[{ "node": "Warn the gardeners", "type": "main", "index": 0 }]]
          }
        }
      }
      """
    }
  ) {
    # What was refused, and why. Nothing was stored then.
    errors {
      code
      message
      path
    }
    # What was left out or may not work here, each with its place in the file.
    report {
      severity
      message
      pointer
    }
    workflow {
      id
      name
      version
      definition
    }
  }
}
`,re=`# Every line of an execution, to its end: first what was written, then each line as it comes.
# \`$executionId\` becomes the newest run of your workspace when you sign in. Others are in the answers
# of "Filter and page" and "Watch a workspace".
# When a connection breaks, ask again with the last \`cursor\` as \`after\`: nothing is missed.

subscription LiveLog($executionId: ID!, $after: String) {
  executionLogs(executionId: $executionId, after: $after) {
    lines {
      seq
      level
      message
    }
    cursor
    # How it ended; null while it runs.
    ended
  }
}
`,ie=`# Everything that your workspaces hold, in one request.
# Sign in at the top right, then run it with the play button or Ctrl-Enter.
# Point at any field to read what it means.

query NestedGraph {
  viewer {
    user {
      name
    }
    # A list is a connection: its rows are \`nodes\`, and \`first\` says how many.
    workspaces(first: 3) {
      nodes {
        name
        workflows(first: 3, orderBy: MOST_EXECUTED) {
          # Counted only where you ask for it.
          totalCount
          nodes {
            name
            status
            createdBy {
              name
            }
            versions(first: 1) {
              nodes {
                version
                changelog
              }
            }
            deployments(first: 1) {
              nodes {
                environment
                status
                mcpServerUrl
              }
            }
            # The newest runs, each with its first lines.
            executions(first: 2) {
              nodes {
                status
                startedAt
                durationMs
                logs(first: 3) {
                  nodes {
                    level
                    message
                  }
                }
              }
            }
          }
        }
      }
    }
  }
}
`,ae=`# A definition that is wrong twice: an edge to a node that is not there, and a circle.
# What a mutation refuses is data. Each error has a \`code\` to decide by, and its type tells more.
# Nothing was stored; mend the definition, and it will be.

mutation TypedError($workspaceId: ID!) {
  createWorkflow(
    input: {
      workspaceId: $workspaceId
      name: "Goes round in circles"
      definition: {
        nodes: [
          { id: "in", type: "webhook", name: "Order comes in" }
          { id: "ask", type: "http", name: "Ask the stock" }
        ]
        edges: [
          { from: "in", to: "ask" }
          { from: "ask", to: "in" }
          { from: "ask", to: "ship" }
        ]
      }
    }
  ) {
    errors {
      __typename
      code
      message
      path
      ... on InvalidDefinitionError {
        diagnostics {
          code
          message
          pointer
        }
      }
    }
    workflow {
      id
    }
  }
}
`,oe=`# What a dashboard shows: every execution of a workspace as it begins, changes and ends.
# For something to see, play a runtime in a terminal beside this page:
#   python3 dev.py simulate --workspace acme
# The square button stops it.

subscription WatchExecutions($workspaceId: ID!) {
  workspaceExecutions(workspaceId: $workspaceId) {
    executions {
      id
      status
      startedAt
      durationMs
      workflow {
        name
      }
    }
  }
}
`,se=`# The workflow that ran most, in numbers.
# \`$since\` is a variable: its value is in the pane "Variables" below.

query WorkflowStatistics($since: DateTime!) {
  workflows(first: 1, orderBy: MOST_EXECUTED) {
    nodes {
      name
      workspace {
        name
      }
      # Of all time.
      statistics {
        totalExecutions
        successfulExecutions
        failedExecutions
        successRate
        avgDurationMs
        lastExecutedAt
      }
      # Day by day, days without a run included. Try HOUR for \`bucket\`.
      statisticsByTime(since: $since, bucket: DAY) {
        start
        totalExecutions
        failedExecutions
        avgDurationMs
      }
    }
  }
}
`,b=ne(),x=`the id of a workspace`,S=`the id of an execution`,C=[{name:`NestedGraph`,title:`The whole graph`,teaches:`Workspaces, workflows, versions, deployments, executions and their first logs at once.`,query:ie},{name:`WorkflowStatistics`,title:`One workflow, measured`,teaches:`How often it ran, how often it succeeded and how long it took.`,query:se,variables:JSON.stringify({since:O()},null,2)},{name:`FilterAndPage`,title:`Filter and page`,teaches:`Only failed runs, newest first, and how to ask for the next page.`,query:v,variables:JSON.stringify({after:null},null,2)},{name:`ImportWorkflow`,title:`Import a workflow`,teaches:`A mutation that takes an n8n export and reports what did not map.`,query:y,variables:JSON.stringify({workspaceId:x},null,2)},{name:`LiveLog`,title:`Follow a log`,teaches:`A subscription: every line of your newest run, once and in order, as it is written.`,query:re,variables:JSON.stringify({executionId:S,after:null},null,2)},{name:`WatchExecutions`,title:`Watch a workspace`,teaches:`A subscription: every run as it begins, changes and ends. See how to play a runtime beside it.`,query:oe,variables:JSON.stringify({workspaceId:x},null,2)},{name:`TypedError`,title:`Be refused`,teaches:`A mutation that is wrong: its errors are data, with a type, a code and the place.`,query:ae,variables:JSON.stringify({workspaceId:x},null,2)}],w=C.slice(0,4),T=`Documentation Explorer`,E=`GraphiQL Explorer`,D={title:`Examples`,icon:()=>(0,b.jsx)(`svg`,{viewBox:`0 0 20 20`,fill:`none`,stroke:`currentColor`,strokeWidth:`1.5`,"aria-hidden":`true`,children:(0,b.jsx)(`path`,{d:`M10 5.2C8.6 4 6.4 3.4 3 3.5v11.6c3.4-.1 5.6.4 7 1.6 1.4-1.2 3.6-1.7 7-1.6V3.5c-3.4-.1-5.6.5-7 1.7Zm0 0v11.5`})}),content:k};function O(){let e=new Date;return e.setUTCDate(e.getUTCDate()-7),`${e.toISOString().slice(0,10)}T00:00:00Z`}function k(){let e=A(),{setVisiblePlugin:t}=p();return(0,b.jsxs)(`section`,{"aria-label":`Examples`,className:`examples`,children:[(0,b.jsx)(`h2`,{className:`examples-title`,children:`Start here`}),(0,b.jsxs)(`p`,{className:`examples-lead`,children:[`Open an example and run it with the play button or `,(0,b.jsx)(`kbd`,{children:`Ctrl`}),` `,(0,b.jsx)(`kbd`,{children:`Enter`}),`.`]}),(0,b.jsx)(`ol`,{className:`examples-list`,children:C.map(t=>(0,b.jsx)(`li`,{children:(0,b.jsxs)(`button`,{type:`button`,className:`example`,onClick:()=>e(t),children:[(0,b.jsx)(`strong`,{children:t.title}),(0,b.jsx)(`span`,{children:t.teaches})]})},t.name))}),(0,b.jsxs)(`p`,{className:`examples-lead`,children:[`Then make it yours:`,` `,(0,b.jsx)(`button`,{type:`button`,className:`examples-link`,onClick:()=>t(E),children:`build a query from tick boxes`}),` `,`or`,` `,(0,b.jsx)(`button`,{type:`button`,className:`examples-link`,onClick:()=>t(T),children:`read what every field means`}),`.`]})]})}function A(){let{addTab:e,changeTab:t}=p(),{tabs:n,activeTabIndex:r,queryEditor:i,variableEditor:a}=o(e=>({tabs:e.tabs,activeTabIndex:e.activeTabIndex,queryEditor:e.queryEditor,variableEditor:e.variableEditor})),[s,c]=(0,g.useState)(null);return(0,g.useEffect)(()=>{s&&s.tab===r&&(i?.setValue(s.example.query),a?.setValue(s.example.variables??``),c(null))},[s,r,i,a]),i=>{let a=n.findIndex(e=>e.title===i.name);a>=0?a!==r&&t(a):(c({example:i,tab:n.length}),e())}}u();function j(e,t){let n=new URL(e,location.href),r=ee({url:n.href.replace(/^http/,`ws`),connectionParams:async()=>{let e=await t.token();return e?{authorization:`Bearer ${e}`}:{}}});F(t,()=>r.terminate());let i=c({url:n.href,fetch:N(t),wsClient:I(r),enableIncrementalDelivery:!1});return(e,t)=>i({...e,operationName:M(e.query,e.operationName)},t)}function M(e,n){try{return s(e).definitions.some(e=>e.kind===t.OPERATION_DEFINITION&&e.name?.value===n)?n??void 0:void 0}catch{return n??void 0}}function N(e){return async(t,n)=>{let r=new Headers(n?.headers);if(r.has(`Authorization`))return fetch(t,n);let i=async()=>{let i=await e.token();return i?r.set(`Authorization`,`Bearer ${i}`):r.delete(`Authorization`),fetch(t,{...n,headers:r})},a=await i();return!e.renewable||!await P(a)?a:(await e.refresh(),i())}}async function P(e){if(e.status===401)return!0;let t=await e.clone().text();return t.length<1e4&&t.includes(`"UNAUTHENTICATED"`)}function F(e,t){let n=e.current().signedIn;e.watch(()=>{let{signedIn:r}=e.current();r!==n&&t(),n=r})}function I(e){return{...e,subscribe:(t,n)=>e.subscribe(t,{...n,error(e){if(!Array.isArray(e))return n.error(e);n.next({errors:e}),n.complete()}})}}var L=new URL(`icon-C5men1dL.svg`,import.meta.url).href,R=`mutation CompleteSignIn($challenge: String!, $code: String!) {
  completeSignIn(input: { challenge: $challenge, code: $code }) {
    accessToken
    refreshToken
    expiresAt
    viewer {
      user {
        name
        email
      }
      workspaces(first: 1) {
        nodes {
          id
          executions(first: 1) {
            nodes {
              id
            }
          }
        }
      }
    }
    errors {
      code
      message
    }
  }
}
`,z=`mutation RefreshSession($refreshToken: String!) {
  refreshSession(input: { refreshToken: $refreshToken }) {
    accessToken
    refreshToken
    expiresAt
    errors {
      code
      message
    }
  }
}
`,B=`mutation SignIn($email: String!, $password: String!) {
  signIn(input: { email: $email, password: $password }) {
    accessToken
    refreshToken
    expiresAt
    viewer {
      user {
        name
        email
      }
      workspaces(first: 1) {
        nodes {
          id
          executions(first: 1) {
            nodes {
              id
            }
          }
        }
      }
    }
    errors {
      code
      message
      ... on SecondFactorRequiredError {
        challenge
      }
    }
  }
}
`,V=`mutation SignOut($refreshToken: String!) {
  signOut(input: { refreshToken: $refreshToken }) {
    ended
  }
}
`,H=`mutation SignUp($name: String!, $email: String!, $password: String!) {
  signUp(input: { name: $name, email: $email, password: $password }) {
    errors {
      code
      message
    }
  }
}
`,ce=`query WhoHoldsThisKey {
  viewer {
    apiKey {
      name
    }
    workspaces(first: 1) {
      nodes {
        id
        name
        executions(first: 1) {
          nodes {
            id
          }
        }
      }
    }
  }
}
`,U=`graphiql-page:session:1`,W=6e4,G=12,K=class extends Error{},q=class extends K{},le=class{graphqlUrl;standing={signedIn:null,notice:null};watchers=new Set;refreshing=null;timer;constructor(e){this.graphqlUrl=e,this.takeOver(),addEventListener(`pagehide`,()=>this.handOver()),addEventListener(`pageshow`,()=>sessionStorage.removeItem(U))}current=()=>this.standing;watch=e=>(this.watchers.add(e),()=>this.watchers.delete(e));async signIn(e,t){let{data:n,serverClock:r}=await this.ask(B,{email:e,password:t});return n.signIn.errors[0]?.challenge||(this.enter(n.signIn,r),null)}async completeSignIn(e,t){let{data:n,serverClock:r}=await this.ask(R,{challenge:e,code:t});this.enter(n.completeSignIn,r)}async signUp(e,t,n){let{data:r}=await this.ask(H,{name:e,email:t,password:n}),[i]=r.signUp.errors;if(i)throw new K(i.message);await this.signIn(t,n)}async useKey(e){let{data:t}=await this.ask(ce,{},e);if(!t.viewer)throw new K(`This API key is unknown, revoked or has run out.`);let n=t.viewer.workspaces.nodes[0],r=t.viewer.apiKey?.name??`${e.slice(0,G)}…`,i=n?`API key of ${n.name}`:`API key`;this.set({as:`key`,key:e,who:{name:r,detail:i,...Y(t.viewer)}})}async signOut(){let{signedIn:e}=this.standing;if(this.set(null),e?.as!==`user`)return;let{refreshToken:t}=e.tokens;await J(this.ask(V,{refreshToken:t}))}async token(){this.runsOutWithin(W/2)&&await this.refresh();let{signedIn:e}=this.standing;return e?e.as===`key`?e.key:e.tokens.accessToken:null}refresh(){return this.refreshing??=this.exchange().finally(()=>this.refreshing=null),this.refreshing}get renewable(){return this.standing.signedIn?.as===`user`}enter(e,t){let n=X(e,t),{name:r,email:i}=e.viewer?.user??{name:`You`,email:``};this.set({as:`user`,tokens:n,who:{name:r,detail:i,...Y(e.viewer)}})}async exchange(){let e=this.standing.signedIn;if(e?.as===`user`)try{let{refreshToken:t}=e.tokens,{data:n,serverClock:r}=await this.ask(z,{refreshToken:t}),i=X(n.refreshSession,r);this.standing.signedIn===e&&this.set({...e,tokens:i})}catch(t){if(!(t instanceof q))throw t;this.standing.signedIn===e&&this.set(null,`Your session has ended. Please sign in again.`)}}runsOutWithin(e){let{signedIn:t}=this.standing;return t?.as===`user`&&t.tokens.expiresAt-Date.now()<e}set(e,t=null){if(this.standing={signedIn:e,notice:t},clearTimeout(this.timer),e?.as===`user`){let t=e.tokens.expiresAt-Date.now();this.timer=window.setTimeout(()=>void J(this.refresh()),Math.max(t-W,1e3))}for(let e of this.watchers)e()}async ask(e,t,n){let r={"Content-Type":`application/json`,Accept:`application/graphql-response+json, application/json;q=0.9`};n&&(r.Authorization=`Bearer ${n}`);let i=await fetch(this.graphqlUrl,{method:`POST`,headers:r,body:JSON.stringify({query:e,variables:t})}),a=await i.json();if(a.errors?.length||!a.data)throw new K(a.errors?.[0]?.message??`The server answered ${i.status}.`);let o=i.headers.get(`Date`);return{data:a.data,serverClock:o?Date.parse(o):Date.now()}}handOver(){let{signedIn:e}=this.standing;e&&sessionStorage.setItem(U,JSON.stringify(e))}takeOver(){let e=sessionStorage.getItem(U);sessionStorage.removeItem(U),e&&this.set(JSON.parse(e))}};async function J(e){try{await e}catch(e){console.warn(`The server could not be told about the session.`,e)}}function Y(e){let t=e?.workspaces.nodes[0];return{workspaceId:t?.id??null,executionId:t?.executions?.nodes[0]?.id??null}}function X(e,t){let{accessToken:n,refreshToken:r,expiresAt:i,errors:a}=e;if(a.length||!n||!r||!i)throw new q(a[0]?.message??`The server gave no token.`);let o=Date.parse(i)-t;return{accessToken:n,refreshToken:r,expiresAt:Date.now()+o}}var ue={signIn:`Sign in`,signUp:`Open an account`,key:`Use this key`},Z={signIn:`Sign in with e-mail and password`,signUp:`Open an account`,key:`Use an API key`};function de({session:e,notice:t,demo:n,onClose:r}){let[i,a]=(0,g.useState)(`signIn`),[o,s]=(0,g.useState)(!1),[c,l]=(0,g.useState)(null),[u,d]=(0,g.useState)(null),f=async(t,n)=>l(await e.signIn(t,n)),p=async e=>{s(!0),d(null);try{await e()}catch(e){d(e instanceof K?e.message:`The server cannot be reached. Is it running? Then try again.`)}finally{s(!1)}};return(0,b.jsxs)(b.Fragment,{children:[(0,b.jsxs)(`div`,{className:`panel-head`,children:[(0,b.jsx)(`h2`,{children:`Sign in`}),(0,b.jsx)(`button`,{type:`button`,className:`panel-close`,"aria-label":`Close the sign-in`,onClick:r,children:`×`})]}),(0,b.jsx)(`p`,{className:`panel-hint`,children:c?`This account has a second factor.`:t??`Queries run as you, and show what your workspaces let you see.`}),n&&!c&&(0,b.jsxs)(b.Fragment,{children:[(0,b.jsx)(`button`,{type:`button`,className:`action action-first`,disabled:o,onClick:()=>void p(()=>f(n.email,n.password)),children:`Sign in as the demonstration user`}),(0,b.jsx)(`p`,{className:`panel-or`,children:(0,b.jsx)(`span`,{children:`or with your own account`})})]}),(0,b.jsxs)(`form`,{onSubmit:t=>{t.preventDefault();let n=new FormData(t.currentTarget),r=e=>String(n.get(e)??``).trim(),a=String(n.get(`password`)??``);p(c?()=>e.completeSignIn(c??``,r(`code`)):{signIn:()=>f(r(`email`),a),signUp:()=>e.signUp(r(`name`),r(`email`),a),key:()=>e.useKey(r(`key`))}[i])},"aria-label":Z[i],children:[c&&(0,b.jsx)(pe,{}),!c&&i===`key`&&(0,b.jsx)(me,{}),!c&&i!==`key`&&(0,b.jsx)(fe,{isNew:i===`signUp`}),u&&(0,b.jsx)(`p`,{role:`alert`,className:`panel-fault`,children:u}),(0,b.jsx)(`button`,{type:`submit`,className:n?`action`:`action action-first`,disabled:o,children:ue[i]})]},c??i),(0,b.jsx)(`p`,{className:`panel-ways`,children:Object.keys(Z).filter(e=>c||e!==i).map(e=>(0,b.jsx)(`button`,{type:`button`,className:`panel-link`,onClick:()=>{a(e),l(null),d(null)},children:Z[e]},e))})]})}function fe({isNew:e}){return(0,b.jsxs)(b.Fragment,{children:[e&&(0,b.jsxs)(`label`,{children:[`Name`,(0,b.jsx)(`input`,{name:`name`,required:!0,maxLength:200,autoComplete:`name`})]}),(0,b.jsxs)(`label`,{children:[`E-mail`,(0,b.jsx)(`input`,{name:`email`,type:`email`,required:!0,autoComplete:`username`})]}),(0,b.jsxs)(`label`,{children:[`Password`,(0,b.jsx)(`input`,{name:`password`,type:`password`,required:!0,minLength:e?8:void 0,autoComplete:e?`new-password`:`current-password`})]})]})}function pe(){return(0,b.jsxs)(`label`,{children:[`Code of your authenticator app, or a recovery code`,(0,b.jsx)(`input`,{name:`code`,required:!0,autoFocus:!0,autoComplete:`one-time-code`,autoCapitalize:`none`,spellCheck:!1})]})}function me(){return(0,b.jsxs)(`label`,{children:[`API key`,(0,b.jsx)(`input`,{name:`key`,required:!0,pattern:`\\s*mcp_\\S+\\s*`,title:`An API key begins with mcp_`,placeholder:`mcp_…`,autoComplete:`off`,spellCheck:!1})]})}function Q({session:e,standing:t,demo:n}){let{signedIn:r}=t,[i,a]=(0,g.useState)(!r),o=(0,g.useRef)(null),s=(0,g.useRef)(null),c=()=>{if(!i)return;let e=document.activeElement;(e===document.body||s.current?.contains(e))&&o.current?.focus(),a(!1)};return(0,g.useEffect)(()=>{r?c():a(!0)},[r===null]),(0,g.useEffect)(()=>{if(!i)return;let e=e=>{e.key===`Escape`&&c()},t=({target:e})=>{let t=[s.current,o.current].some(t=>t?.contains(e));r&&!t&&a(!1)};return addEventListener(`keydown`,e),addEventListener(`pointerdown`,t),()=>{removeEventListener(`keydown`,e),removeEventListener(`pointerdown`,t)}},[i,r]),(0,b.jsxs)(`header`,{className:`bar`,children:[(0,b.jsxs)(`a`,{className:`brand`,href:``,"aria-label":`MCP Platform, GraphQL API`,children:[(0,b.jsx)(`img`,{src:L,alt:``,width:`28`,height:`28`}),(0,b.jsx)(`span`,{className:`brand-name`,children:`MCP Platform`}),(0,b.jsx)(`span`,{className:`brand-part`,children:`GraphQL API`})]}),(0,b.jsx)(`button`,{ref:o,type:`button`,className:r?`account`:`account account-signed-out`,"aria-expanded":i,"aria-controls":`account-panel`,onClick:()=>a(!i),children:r?(0,b.jsxs)(b.Fragment,{children:[(0,b.jsx)(`span`,{className:`account-initials`,"aria-hidden":`true`,children:he(r.who.name)}),(0,b.jsx)(`span`,{className:`account-name`,children:r.who.name})]}):`Sign in`}),(0,b.jsx)(`section`,{ref:s,id:`account-panel`,className:`panel`,hidden:!i,"aria-label":`Account`,children:r?(0,b.jsxs)(b.Fragment,{children:[(0,b.jsxs)(`p`,{className:`panel-lead`,children:[`Signed in as `,(0,b.jsx)(`strong`,{children:r.who.name}),(0,b.jsx)(`br`,{}),(0,b.jsx)(`span`,{className:`panel-hint`,children:r.who.detail})]}),(0,b.jsx)(`p`,{className:`panel-hint`,children:r.as===`key`?`Every request of this page carries this key. It is forgotten when you close the tab.`:`Every request of this page carries your token. It is renewed by itself and forgotten when you sign out or close the tab.`}),(0,b.jsx)(`button`,{type:`button`,className:`action`,onClick:()=>void e.signOut(),children:r.as===`key`?`Forget this key`:`Sign out`})]}):(0,b.jsx)(de,{session:e,notice:t.notice,demo:n,onClose:c})})]})}function he(e){let t=e.trim().split(/\s+/);return[t[0],t.length>1?t[t.length-1]:``].map(e=>e?.charAt(0)??``).join(``).toUpperCase()}var ge=[h,D,f({showAttribution:!1}),l],_e=w.map(({query:e,variables:t})=>({query:e,variables:t})),ve=matchMedia(`(min-width: 1000px)`).matches;function ye({settings:e}){let[t]=(0,g.useState)(()=>new le(e.graphqlUrl)),r=(0,g.useMemo)(()=>j(e.graphqlUrl,t),[e,t]),o=(0,g.useSyncExternalStore)(t.watch,t.current);return(0,b.jsx)(a,{fetcher:r,plugins:ge,referencePlugin:h,visiblePlugin:ve?D:void 0,defaultTabs:_e,shouldPersistHeaders:!1,children:(0,b.jsx)(n,{children:(0,b.jsxs)(i,{children:[(0,b.jsx)(be,{}),(0,b.jsx)(xe,{}),(0,b.jsxs)(`div`,{className:`page graphiql-container`,children:[(0,b.jsx)(Q,{session:t,standing:o,demo:e.demo}),(0,b.jsx)(`div`,{className:`page-graphiql`,children:(0,b.jsx)(m,{showPersistHeadersSettings:!1,children:(0,b.jsx)(d.Logo,{children:` `})})})]}),(0,b.jsx)($,{place:x,id:o.signedIn?.who.workspaceId}),(0,b.jsx)($,{place:S,id:o.signedIn?.who.executionId})]})})})}function be(){let e=o(e=>[e.queryEditor,e.variableEditor,e.headerEditor,e.responseEditor]);return(0,g.useEffect)(()=>{for(let t of e)t?.updateOptions({fontSize:13,wordWrap:`on`,wrappingIndent:`indent`})},e),null}function xe(){let e=o(e=>e.visiblePlugin);return(0,g.useEffect)(()=>{let e=document.querySelector(`.graphiql-plugin`);if(!e)return;let t=new AbortController,{signal:n}=t,r=()=>{e.scrollTo(0,0),e.contains(document.activeElement)&&document.querySelector(`.graphiql-sidebar button.active`)?.focus()};r(),e.addEventListener(`focusin`,r,{signal:n});for(let e of[`pointerdown`,`keydown`])addEventListener(e,()=>t.abort(),{signal:n,capture:!0});return()=>t.abort()},[e]),null}function $({place:e,id:t}){let{variableEditor:n,activeTabIndex:r}=o(e=>({variableEditor:e.variableEditor,activeTabIndex:e.activeTabIndex}));return(0,g.useEffect)(()=>{let r=n?.getValue();t&&r?.includes(e)&&n?.setValue(r.replace(e,t))},[t,e,n,r]),null}function Se(){return JSON.parse(document.getElementById(`page-settings`).textContent)}(0,_.createRoot)(document.getElementById(`page`)).render((0,b.jsx)(ye,{settings:Se()}));