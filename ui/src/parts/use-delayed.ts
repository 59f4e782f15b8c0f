// Turns "is loading" into "has been loading for a while", so that quick answers flash no skeleton.

import { useEffect, useState } from 'preact/hooks';

const DELAY_MS = 150;

export function useDelayed(isOn: boolean): boolean {
  const [isShown, setShown] = useState(false);
  useEffect(() => {
    if (!isOn) {
      setShown(false);
      return undefined;
    }
    const timer = setTimeout(() => setShown(true), DELAY_MS);
    return () => clearTimeout(timer);
  }, [isOn]);
  return isOn && isShown;
}
