export default function PromptPage({ name }: { name: string }) {
  return <p>{name}</p>;
}
