export default function DashboardPage(_: { sessionId?: string }) { return <p className="pad">soon</p>; }
