export default function SessionsPage(_: { sessionId?: string }) { return <p className="pad">soon</p>; }
