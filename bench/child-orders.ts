/** The other end of `Child`: says that the program is ready, then answers each order. Ends with the parent. */
export function takeOrders(ready: object, handle: (order: unknown) => Promise<object> | object): void {
  process.on('disconnect', () => process.exit());
  process.on('message', (order) => {
    void answer(order);
  });
  process.send?.(ready);

  async function answer(order: unknown): Promise<void> {
    process.send?.(await handle(order));
  }
}
