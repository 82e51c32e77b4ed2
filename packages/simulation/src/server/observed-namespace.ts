import type { Namespace } from "@lockstep/server";

type Submit = Namespace["submit"];
/** An operation as the executor is given it. */
export type AnyOp = Parameters<Submit>[0];

/** Who is told of every operation that reaches the executor, and of what leaves it. */
export interface OperationObserver {
  submitted(op: AnyOp): void;
  /** The reply leaves: it may be on its way to a client from here on. */
  replied(op: AnyOp, reply: unknown): void;
  refused(op: AnyOp, error: unknown): void;
}

/** The same namespace, watched from outside. */
export function observedNamespace(namespace: Namespace, observer: OperationObserver): Namespace {
  const submit = (op: AnyOp) => {
    observer.submitted(op);
    const pending = namespace.submit(op);
    pending.reply.then(
      (reply) => observer.replied(op, reply),
      (error: unknown) => observer.refused(op, error),
    );
    return pending;
  };
  return new Proxy(namespace, {
    get(target, name) {
      if (name === "submit") return submit;
      const member = Reflect.get(target, name, target);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}
