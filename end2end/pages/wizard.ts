import { expect, type Locator, type Page } from '@playwright/test';
import { waitForHydration } from '../fixtures/hydration.ts';
import { choice, field } from './fields.ts';

/** What each step asks: the name of its part of the page. */
const STEPS = [
  'what it is called, and how much at once',
  'what is sent, and for how long',
  'where it runs',
  'on which nodes',
  'which model and engine',
  'which credential the provider gets',
  'read the plan',
  'run it',
] as const;

/** The first and the last steps by name. */
export const BASIC_INFO = 1;
export const EVALUATION = 2;
export const CLUSTER = 3;
export const NODES = 4;
export const MODEL = 5;
export const CREDENTIAL = 6;
export const CONFIRM = 7;
export const EXECUTE = 8;

/** What a container is made from, and what it may use. */
export interface ContainerAnswers {
  readonly image: string;
  readonly port: number;
  readonly cpus?: string;
  readonly memoryGib?: string;
}

/** How an engine is to be started on this machine: as a process, unless a container is described. */
export interface EngineAnswers {
  readonly preset: string;
  readonly arguments?: string;
  readonly container?: ContainerAnswers;
}

/** Answers to the whole wizard; what is left out stays as the wizard suggests it. */
export interface Answers {
  readonly name: string;
  readonly tags?: string;
  readonly concurrency: number;
  readonly prompt: string;
  readonly answer: string;
  readonly requests: number;
  readonly warmUp?: number;
  readonly timeoutS?: number;
  readonly cluster: string;
  /** The machine that makes the load; without one, the server does. */
  readonly loadFrom?: string;
  readonly model: string;
  readonly engine?: EngineAnswers;
  /** The credential of a cloud model, which other models are not asked for. */
  readonly credential?: string;
}

/** The reference engine of this machine. */
export const THIS_MACHINE = 'This machine';
export const REFERENCE_MODEL = 'Reference engine';
export const REFERENCE_PRESET = 'Reference engine (no model)';

/** The stepwise creation of a benchmark. */
export class Wizard {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  /** The part of the page that belongs to a step. */
  step(number: number): Locator {
    return this.page.getByRole('region', { name: STEPS[number - 1] ?? '', exact: true });
  }

  async expectStep(number: number): Promise<void> {
    await expect(this.step(number)).toBeVisible();
    await expect(this.page).toHaveURL(new RegExp(`/new/[0-9a-f-]+/${number}$`));
  }

  async start(): Promise<void> {
    await this.page.goto('/new');
    await waitForHydration(this.page);
    await this.page.getByRole('button', { name: 'Start a new benchmark' }).click();
    await this.expectStep(BASIC_INFO);
  }

  /** Sends the form of a step, whatever comes of it. */
  async submit(number: number): Promise<void> {
    await this.step(number).getByRole('button', { name: 'Continue' }).click();
  }

  /** Sends the form of a step and arrives at the next one. */
  async continueFrom(number: number, next = number + 1): Promise<void> {
    await this.submit(number);
    await this.expectStep(next);
  }

  /** Goes back to an answered step by the list of steps. */
  async goTo(number: number, label: string): Promise<void> {
    await this.page.getByRole('navigation', { name: 'Steps' }).getByRole('link', { name: label }).click();
    await this.expectStep(number);
  }

  async answerBasicInfo(answers: Pick<Answers, 'name' | 'concurrency' | 'tags'>): Promise<void> {
    const step = this.step(BASIC_INFO);
    await field(step, 'Name').fill(answers.name);
    await field(step, 'Tags').fill(answers.tags ?? '');
    await field(step, 'Concurrent requests').fill(String(answers.concurrency));
    await this.continueFrom(BASIC_INFO);
  }

  async answerEvaluation(
    answers: Pick<Answers, 'prompt' | 'answer' | 'requests' | 'warmUp' | 'timeoutS'>,
  ): Promise<void> {
    const step = this.step(EVALUATION);
    await field(step, 'Prompt length').fill(answers.prompt);
    await field(step, 'Answer length').fill(answers.answer);
    await field(step, 'Measured requests').fill(String(answers.requests));
    if (answers.warmUp !== undefined) {
      await field(step, 'Warm-up').fill(String(answers.warmUp));
    }
    if (answers.timeoutS !== undefined) {
      await field(step, 'Request timeout').fill(String(answers.timeoutS));
    }
    await this.continueFrom(EVALUATION);
  }

  async answerCluster(title: string): Promise<void> {
    await choice(this.step(CLUSTER), 'Cluster', title).check();
    await this.continueFrom(CLUSTER);
  }

  /** The only node is chosen already. */
  async answerNodes(answers: Pick<Answers, 'loadFrom'> = {}): Promise<void> {
    const step = this.step(NODES);
    await expect(step.getByRole('checkbox')).toBeChecked();
    if (answers.loadFrom !== undefined) {
      await field(step, 'The load comes from').selectOption(answers.loadFrom);
    }
    await this.continueFrom(NODES);
  }

  async answerModel(answers: Pick<Answers, 'model' | 'engine' | 'credential'>): Promise<void> {
    const step = this.step(MODEL);
    await choice(step, 'Model', answers.model).check();
    if (answers.engine !== undefined) {
      await choice(step, 'Engine', answers.engine.preset).check();
      await field(step, 'Arguments').fill(answers.engine.arguments ?? '');
      if (answers.engine.container !== undefined) {
        await this.answerContainer(answers.engine.container);
      }
    }
    await this.continueFrom(MODEL, answers.credential === undefined ? CONFIRM : CREDENTIAL);
  }

  async answerContainer(container: ContainerAnswers): Promise<void> {
    const step = this.step(MODEL);
    await choice(step, 'It runs as', 'A Docker container').check();
    await field(step, 'Image').fill(container.image);
    await field(step, 'Port inside').fill(String(container.port));
    await field(step, 'CPUs').fill(container.cpus ?? '');
    await field(step, 'Memory').fill(container.memoryGib ?? '');
  }

  async answerCredential(title: string): Promise<void> {
    await choice(this.step(CREDENTIAL), 'Credential', title).check();
    await this.continueFrom(CREDENTIAL);
  }

  async confirm(): Promise<void> {
    await field(this.step(CONFIRM), 'This is the plan I want to run').check();
    await this.continueFrom(CONFIRM);
  }

  /** Runs the confirmed plan; returns the id of its benchmark. */
  async execute(): Promise<string> {
    await this.step(EXECUTE).getByRole('button', { name: 'Run benchmark' }).click();
    await this.page.waitForURL(/\/benchmarks\/[0-9a-f-]+$/);
    return new URL(this.page.url()).pathname.split('/').at(-1) ?? '';
  }

  /** From the first step to the benchmark's page; returns its id. */
  async run(answers: Answers): Promise<string> {
    await this.start();
    await this.answerBasicInfo(answers);
    await this.answerEvaluation(answers);
    await this.answerCluster(answers.cluster);
    await this.answerNodes(answers);
    await this.answerModel(answers);
    if (answers.credential !== undefined) {
      await this.answerCredential(answers.credential);
    }
    await this.confirm();
    return this.execute();
  }
}
