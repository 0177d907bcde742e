export default function ComparePage(_: { sessionId?: string }) { return <p className="pad">soon</p>; }
