import { expect, it } from 'vitest'
import { Counter } from '../src/ui/counter'

it('tells frames that are computed from frames that are replayed', () => {
  const counter = new Counter()
  for (let at = 0; at < 2000; at += 100) counter.shown(at, at % 500 !== 0)
  for (let at = 0; at < 2000; at += 500) counter.computed(at, 200)

  expect(counter.rates(1999)!.shown).toBeCloseTo(10, 1)
  expect(counter.rates(1999)!.replayed).toBeCloseTo(8, 1)
  expect(counter.rates(1999)!.computed).toBeCloseTo(2, 1)
  expect(counter.rates(1999)!.milliseconds).toBeCloseTo(200, 5)
})

it('forgets what is two seconds old', () => {
  const counter = new Counter()
  for (let at = 0; at < 1000; at += 100) counter.computed(at, 50)
  for (let at = 0; at < 5000; at += 40) counter.shown(at, true)

  expect(counter.rates(5000)).toMatchObject({ computed: 0, milliseconds: 50 })
  expect(counter.rates(5000)!.replayed).toBeCloseTo(25, 0)
})

it('says nothing before there is something to count', () => {
  const counter = new Counter()
  counter.shown(0, false)

  expect(counter.rates(100)).toBeNull()
})
