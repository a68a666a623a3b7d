interface AnnouncedVni {
  readonly vni: number;
  routes: number;
}

/** How many routes a peer announces, in all and in each VNI. */
export class AnnouncedVnis {
  routes = 0;
  readonly #byVni = new Map<number, AnnouncedVni>();
  /** Announcements mostly come VNI by VNI. */
  #last: AnnouncedVni | undefined;

  /** VNIs with a route. */
  get vnis(): number {
    return this.#byVni.size;
  }

  /** The VNIs' numbers. The walk may pause while routes are removed. */
  numbers(): Iterator<number> {
    return this.#byVni.keys();
  }

  has(vni: number): boolean {
    return this.#find(vni) !== undefined;
  }

  added(vni: number): void {
    this.routes++;
    const known = this.#find(vni);
    if (known !== undefined) {
      known.routes++;
      return;
    }
    this.#last = { vni, routes: 1 };
    this.#byVni.set(vni, this.#last);
  }

  removed(vni: number): void {
    const known = this.#find(vni);
    if (known === undefined) throw new Error(`no route is announced in VNI ${vni}`);
    this.routes--;
    if (--known.routes > 0) return;
    this.#byVni.delete(vni);
    this.#last = undefined;
  }

  #find(vni: number): AnnouncedVni | undefined {
    if (this.#last?.vni !== vni) this.#last = this.#byVni.get(vni) ?? this.#last;
    return this.#last?.vni === vni ? this.#last : undefined;
  }
}
