import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/text.css";
import "./styles/shell.css";
import "./styles/traces.css";
import "./styles/trace.css";
import "./styles/pages.css";
import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { queryClient } from "./api/queries";
import { ErrorBoundary } from "./shell/ErrorBoundary";
import { ModeProvider } from "./text/mode";
import { applyTheme } from "./ui/theme";

applyTheme();

const place = document.getElementById("root");
if (place)
  createRoot(place).render(
    <StrictMode>
      <ErrorBoundary>
        <QueryClientProvider client={queryClient}>
          <ModeProvider>
            <App />
          </ModeProvider>
        </QueryClientProvider>
      </ErrorBoundary>
    </StrictMode>,
  );
