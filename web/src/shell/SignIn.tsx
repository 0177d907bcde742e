// Sign-in to a shared server: at its provider, with the token that it printed or a key, or by a link with the token.

import { type FormEvent, useCallback, useEffect, useState } from "react";
import { request } from "../api/client";
import { queryClient } from "../api/queries";
import { Problem } from "../ui/Problem";
import { Logo } from "./Header";

/** What the server tells of a sign-in at the provider that has failed. */
const FAULTS: Record<string, string> = {
  expired: "This sign-in took too long, or was begun in another window. Sign in again.",
  provider: "The provider does not answer as it should. Try again later, or sign in with a key.",
  refused: "The provider has refused the sign-in.",
  email: "The provider does not say that your e-mail address is verified.",
  nobody: "Nothing on this server is open to your account. Ask its administrator.",
};

export function SignIn({ provider }: { provider: string | null }) {
  const [token, setToken] = useState("");
  const [problem, setProblem] = useState<unknown>(null);
  const signIn = useCallback((given: string) => {
    request("/sign-in", {}, { method: "POST", json: { token: given } })
      .then(() => queryClient.invalidateQueries())
      .catch(setProblem);
  }, []);
  useEffect(() => {
    const fragment = new URLSearchParams(window.location.hash.slice(1));
    const given = fragment.get("token");
    const fault = FAULTS[fragment.get("sign-in") ?? ""];
    if (fault) setProblem(fault);
    if (!given && !fault) return;
    // removes the token from the address bar, the history and screenshots
    history.replaceState(null, "", window.location.pathname + window.location.search);
    if (given) signIn(given);
  }, [signIn]);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    signIn(token);
  };
  const here = encodeURIComponent(window.location.pathname + window.location.search);
  return (
    <main className="sign-in">
      <form onSubmit={submit}>
        <h1>
          <Logo /> Sign in to tracer
        </h1>
        {problem !== null && <Problem error={problem} />}
        {provider !== null && (
          <a className="button solid" href={`/api/v1/sign-in/oidc?next=${here}`}>
            Sign in with {provider}
          </a>
        )}
        <p className="dim">
          {provider === null
            ? "This server asks for the token that it was started with, or for a key of a project."
            : "Or with a key of a project:"}
        </p>
        <label>
          Token
          <input
            className="field"
            type="password"
            autoComplete="current-password"
            value={token}
            onChange={(event) => setToken(event.target.value)}
            required
          />
        </label>
        <button type="submit" className={provider === null ? "button solid" : "button"}>
          Sign in
        </button>
      </form>
    </main>
  );
}
