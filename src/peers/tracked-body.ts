/** The body of a forwarded answer; `onEnd` is called once, when it ended, broke off, or nobody reads it any more. */
export function trackedBody(answer: Response, onEnd: () => void): ReadableStream<Uint8Array> | null {
  if (answer.body === null) {
    onEnd();
    return null;
  }
  const reader = answer.body.getReader();
  return new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      try {
        const { done, value } = await reader.read();
        if (!done) {
          controller.enqueue(value);
          return;
        }
        controller.close();
      } catch (cause) {
        // Its owner died: the client sees the connection end before the answer did.
        controller.error(cause);
      }
      onEnd();
    },
    cancel: async (reason) => {
      onEnd();
      await reader.cancel(reason).catch(() => {});
    },
  });
}
