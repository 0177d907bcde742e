export default function VersionsPage(_: { sessionId?: string }) { return <p className="pad">soon</p>; }
