// Sign-in to a shared server with the token that it printed, or by a link with the token.

import { type FormEvent, useCallback, useEffect, useState } from "react";
import { request } from "../api/client";
import { queryClient } from "../api/queries";
import { Problem } from "../ui/Problem";
import { Logo } from "./Header";

export function SignIn() {
  const [token, setToken] = useState("");
  const [problem, setProblem] = useState<unknown>(null);
  const signIn = useCallback((given: string) => {
    request("/sign-in", {}, { method: "POST", json: { token: given } })
      .then(() => queryClient.invalidateQueries())
      .catch(setProblem);
  }, []);
  useEffect(() => {
    const fragment = new URLSearchParams(window.location.hash.slice(1)).get("token");
    if (!fragment) return;
    // removes the token from the address bar, the history and screenshots
    history.replaceState(null, "", window.location.pathname + window.location.search);
    signIn(fragment);
  }, [signIn]);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    signIn(token);
  };
  return (
    <main className="sign-in">
      <form onSubmit={submit}>
        <h1>
          <Logo /> Sign in to tracer
        </h1>
        <p className="dim">This server asks for the token that it was started with, or for a key of a project.</p>
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
        {problem !== null && <Problem error={problem} />}
        <button type="submit" className="button solid">
          Sign in
        </button>
      </form>
    </main>
  );
}
