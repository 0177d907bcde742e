// Segmented control: a choice among a few visible options.

interface Props<T extends string> {
  label: string;
  value: T;
  options: readonly (readonly [T, string])[];
  onChange: (value: T) => void;
}

export function Segments<T extends string>({ label, value, options, onChange }: Props<T>) {
  return (
    <fieldset className="segments" aria-label={label}>
      {options.map(([option, word]) => (
        <button type="button" key={option} aria-pressed={option === value} onClick={() => onChange(option)}>
          {word}
        </button>
      ))}
    </fieldset>
  );
}
