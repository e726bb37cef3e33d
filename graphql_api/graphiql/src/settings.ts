/** What the server tells the page: where the API is, and on a demonstration server who may try it. */
export type Settings = {
  graphqlUrl: string;
  demo: { email: string; password: string } | null;
};

export function readSettings(): Settings {
  return JSON.parse(document.getElementById('page-settings')!.textContent!) as Settings;
}
