// Shows a sentence in place of a page, or of a part of it, whose rendering fails.

import { Component, type ReactNode } from "react";

interface Props {
  children: ReactNode;
  /** What of the page this is, such as "this step"; the whole page where it is not named. */
  part?: string;
}

export class ErrorBoundary extends Component<Props, { error: Error | null }> {
  override state = { error: null as Error | null };

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override render() {
    if (!this.state.error) return this.props.children;
    if (this.props.part)
      return (
        <div className="notice warn" role="alert">
          <span>
            {this.props.part} cannot be shown: {this.state.error.message}. What was recorded is safe, and is whole in
            the export of the trace.
          </span>
        </div>
      );
    return (
      <div className="page-empty" role="alert">
        <h1>Something in this page broke</h1>
        <p>The traces are safe: this is only the viewer. {this.state.error.message}</p>
        <button type="button" className="button" onClick={() => window.location.reload()}>
          Load again
        </button>
      </div>
    );
  }
}
