export default function SessionPage(_: { sessionId?: string }) { return <p className="pad">soon</p>; }
