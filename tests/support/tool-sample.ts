import type {OfferedServer} from '../../src/tools/disclosure.ts'

/**
 * A fleet as teams have it: 150 tools over 17 servers, described as their authors describe them. By server: what it is
 * about, then its tools, each with its arguments.
 */
const SERVERS: Readonly<Record<string, {readonly about: string; readonly tools: string}>> = {
  github: {
    about: 'on GitHub',
    tools: `create_pull_request(owner,repo,title,head,base,body) merge_pull_request(owner,repo,number,method)
      list_pull_requests(owner,repo,state,page) get_pull_request_files(owner,repo,number) create_review(owner,repo,number,event,body)
      create_branch(owner,repo,branch,from) push_files(owner,repo,branch,files,message) get_file_contents(owner,repo,path,ref)
      search_code(query,page) list_commits(owner,repo,sha,page) create_release(owner,repo,tag,notes) fork_repository(owner,repo)
      run_workflow(owner,repo,workflow,ref,inputs) list_workflow_runs(owner,repo,workflow)`,
  },
  gitlab: {
    about: 'in GitLab',
    tools: `create_merge_request(project,source,target,title) list_merge_requests(project,state) get_pipeline(project,id)
      retry_pipeline(project,id) list_pipeline_jobs(project,id) get_job_trace(project,job) create_snippet(project,title,content)
      list_milestones(project)`,
  },
  linear: {
    about: 'in Linear',
    tools: `create_issue(team,title,description,priority) update_issue(id,state,assignee) search_issues(query,team,limit)
      list_cycles(team) add_comment(issue,body) list_projects(team) get_roadmap(project) list_labels(team) assign_issue(id,user)`,
  },
  filesystem: {
    about: 'in the allowed folders of this machine',
    tools: `read_file(path,encoding) write_file(path,content) edit_file(path,edits,dryRun) create_directory(path)
      list_directory(path) move_file(source,destination) search_files(path,pattern) get_file_info(path) directory_tree(path,depth)`,
  },
  git: {
    about: 'of a local working copy',
    tools: `git_status(path) git_diff(path,target) git_commit(path,message) git_add(path,files) git_reset(path)
      git_log(path,count) git_checkout(path,branch) git_stash(path,message) git_rebase(path,onto) git_blame(path,file)`,
  },
  postgres: {
    about: 'in PostgreSQL',
    tools: `query_database(sql,parameters) list_tables(schema) describe_table(schema,table) explain_query(sql)
      list_indexes(schema,table) create_migration(name,sql) run_migration(name) list_schemas(database) vacuum_table(schema,table)`,
  },
  redis: {
    about: 'in Redis',
    tools: `get_key(key) set_key(key,value,ttl) delete_key(key) scan_keys(pattern,count) hash_get(key,field)
      hash_set(key,field,value) publish_message(channel,message) get_memory_usage(key)`,
  },
  docker: {
    about: 'of the container engine',
    tools: `list_containers(all) run_container(image,name,ports,environment) stop_container(id) remove_container(id,force)
      container_logs(id,tail) list_images(filter) build_image(context,tag,arguments) pull_image(name) list_volumes(filter)
      inspect_network(name)`,
  },
  kubernetes: {
    about: 'in the Kubernetes cluster',
    tools: `list_pods(namespace,selector) get_pod_logs(namespace,pod,tail) scale_deployment(namespace,name,replicas)
      rollout_status(namespace,name) rollout_undo(namespace,name) apply_manifest(namespace,yaml) delete_resource(kind,namespace,name)
      list_nodes(selector) get_events(namespace,since) list_ingresses(namespace) cordon_node(name) port_forward(namespace,pod,port)`,
  },
  aws: {
    about: 'in Amazon Web Services',
    tools: `list_buckets(region) upload_object(bucket,key,body) invoke_lambda(name,payload) list_lambda_functions(region)
      describe_instances(region,filters) start_instance(id) stop_instance(id) list_stacks(region) get_cloudwatch_metrics(namespace,metric,period)
      get_secret_arn(name) invalidate_cloudfront(distribution,paths)`,
  },
  slack: {
    about: 'in Slack',
    tools: `post_message(channel,text,thread) list_channels(cursor,limit) get_channel_history(channel,limit)
      add_reaction(channel,timestamp,name) get_thread_replies(channel,thread) list_users(cursor) upload_attachment(channel,file)
      set_topic(channel,topic)`,
  },
  sentry: {
    about: 'in Sentry',
    tools: `list_errors(project,query) get_error_details(id) resolve_error(id,release) list_releases(project)
      get_stacktrace(event) list_alerts(project) get_crash_free_rate(project,period)`,
  },
  grafana: {
    about: 'in Grafana',
    tools: `search_dashboards(query,folder) get_dashboard(uid) query_prometheus(expression,start,end,step)
      query_loki(expression,start,end,limit) list_datasources(type) create_annotation(dashboard,time,text) silence_alert(matchers,until)
      list_incidents(state)`,
  },
  browser: {
    about: 'in a headless browser',
    tools: `navigate_page(url) take_screenshot(selector,fullPage) click_element(selector) fill_form(selector,value)
      evaluate_javascript(script) get_console_messages(level) hover_element(selector) select_option(selector,values)
      wait_for_selector(selector,timeout) emulate_device(name)`,
  },
  search: {
    about: 'on the public web',
    tools: `web_search(query,count,freshness) news_search(query,count) fetch_url(url,maxLength) image_search(query,count)
      summarize_page(url)`,
  },
  memory: {
    about: 'in the knowledge graph of earlier sessions',
    tools: `create_entities(entities) create_relations(relations) add_observations(observations) delete_entities(names)
      delete_observations(observations) delete_relations(relations) read_graph(limit) search_nodes(query) open_nodes(names)`,
  },
  time: {
    about: 'of the clock',
    tools: 'get_current_time(timezone) convert_time(time,from,to) next_holiday(country)',
  },
}

const CRITICAL: Readonly<Record<string, readonly string[]>> = {
  github: ['create_pull_request', 'get_file_contents'],
  kubernetes: ['rollout_undo'],
}

/** 150 tools over 17 servers. */
export const TOOL_SAMPLE: readonly OfferedServer[] = Object.entries(SERVERS).map(
  ([name, {about, tools}]) => ({
    name,
    critical: CRITICAL[name] ?? [],
    tools: [...tools.matchAll(/(\w+)\(([^)]*)\)/g)].map(([, tool = '', given = '']) => ({
      server: name,
      name: tool,
      description: `${sentence(tool)} ${about}. Answers with the result as JSON; fails with a reason that can be shown to people.`,
      input: {
        type: 'object',
        properties: Object.fromEntries(
          given
            .split(',')
            .map(argument => [
              argument,
              {type: 'string', description: `The ${argument} to ${sentence(tool).toLowerCase()} with`},
            ]),
        ),
        required: given.split(',').slice(0, 2),
        additionalProperties: false,
      },
      reads: /^(?:list|get|search|describe|inspect|query|explain|read)_/.test(tool),
    })),
  }),
)

/** Tasks as people say them, each with the servers that whoever does it needs. */
export const SAMPLE_TASKS: readonly {readonly task: string; readonly needs: readonly string[]}[] = [
  {task: 'review pull request #7 and merge it when its checks are green', needs: ['github']},
  {task: 'the pods of checkout crash since noon; look at their logs and roll back', needs: ['kubernetes']},
  {task: 'write the migration that adds an index on orders and explain the query plan', needs: ['postgres']},
  {
    task: 'find the stacktrace of the newest Sentry error and open a Linear issue for it',
    needs: ['sentry', 'linear'],
  },
  {task: 'take a screenshot of the login page after filling the form', needs: ['browser']},
  {task: 'build the docker image and push the files to a new branch', needs: ['docker', 'github']},
  {
    task: 'why is the lambda slow? compare the cloudwatch metrics with the grafana dashboard',
    needs: ['aws', 'grafana'],
  },
  {task: 'tell the release channel on Slack that the pipeline is retried', needs: ['slack', 'gitlab']},
  {task: 'scan the redis keys that never expire', needs: ['redis']},
  {task: 'search the web for the changelog of fastify', needs: ['search']},
]

function sentence(name: string): string {
  const words = name.replaceAll('_', ' ')
  return `${words.slice(0, 1).toUpperCase()}${words.slice(1)}`
}
